package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// riff builds a file from a format and its sound.
func riff(tag, channels, rate, bits int, data []byte) []byte {
	b := appendWAVHeader(nil, rate, channels, len(data))
	binary.LittleEndian.PutUint16(b[20:], uint16(tag))
	binary.LittleEndian.PutUint16(b[32:], uint16(channels*bits/8))
	binary.LittleEndian.PutUint16(b[34:], uint16(bits))
	return append(b, data...)
}

func floats(v ...float32) (b []byte) {
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

func TestReadWAV_TakesEveryFormat(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want []int16
	}{
		"8 bits":  {riff(wavPCM, 1, 8000, 8, []byte{128, 255, 0}), []int16{0, 127 << 8, -128 << 8}},
		"16 bits": {riff(wavPCM, 1, 8000, 16, []byte{1, 0, 0xFF, 0x7F, 0, 0x80}), []int16{1, 32767, -32768}},
		"24 bits": {riff(wavPCM, 1, 8000, 24, []byte{9, 1, 0, 0, 0xFF, 0xFF}), []int16{1, -1}},
		"32 bits": {riff(wavPCM, 1, 8000, 32, []byte{9, 9, 1, 0, 0, 0, 0xFF, 0x7F}), []int16{1, 32767}},
		"float":   {riff(wavFloat, 1, 8000, 32, floats(0, 0.5, -1, 7)), []int16{0, 16384, -32768, 32767}},
		"mu-law":  {riff(wavMuLaw, 1, 8000, 8, []byte{0xFF, 0x80, 0}), []int16{0, 32124, -32124}},
	} {
		got, err := ReadWAV(bytes.NewReader(c.file), 1000)
		if err != nil || got.Rate != 8000 || got.Channels != 1 || !slices.Equal(got.Samples, c.want) {
			t.Errorf("%s: got %+v, %v; want %v", name, got, err, c.want)
		}
	}
}

func TestReadWAV_SaysWhatIsWrong(t *testing.T) {
	good := AppendWAV(nil, 8000, 1, make([]int16, 100))
	patch := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	for name, c := range map[string]struct {
		file []byte
		err  error
		says string
	}{
		"nothing":                    {nil, ErrNotWAV, "RIFF"},
		"a renamed MP3":              {append([]byte("ID3\x03"), good...), ErrNotWAV, "RIFF"},
		"big endian":                 {patch(0, []byte("RIFX")...), ErrNotWAV, "RIFF"},
		"an AVI":                     {patch(8, []byte("AVI ")...), ErrNotWAV, "WAVE"},
		"too large":                  {AppendWAV(nil, 8000, 1, make([]int16, 2000)), ErrWAVTooLarge, "more than 2000 bytes"},
		"cut short":                  {good[:150], ErrDamagedWAV, "the header says 244 bytes, there are 150"},
		"followed by an archive":     {append(bytes.Clone(good), "PK\x03\x04"...), ErrDamagedWAV, "there are 248"},
		"header only":                {good[:12], ErrDamagedWAV, "says 244"},
		"a size of 4 GiB":            {patch(40, 0xFF, 0xFF, 0xFF, 0xFF), ErrDamagedWAV, `chunk "data" says 4294967295 bytes, 200 are left`},
		"a fmt chunk of 4 GiB":       {patch(16, 0xF0, 0xFF, 0xFF, 0xFF), ErrDamagedWAV, `chunk "fmt "`},
		"a short fmt chunk":          {patch(16, 4, 0, 0, 0), ErrDamagedWAV, "chunk"},
		"no data chunk":              {patch(36, []byte("junk")...), ErrDamagedWAV, "no complete"},
		"two data chunks":            {append(riff(wavPCM, 1, 8000, 16, []byte("\x01\x00data\x02\x00\x00\x00\x01\x00"))[:40], "\x02\x00\x00\x00\x01\x00data\x02\x00\x00\x00\x01\x00"...), ErrDamagedWAV, `second "data"`},
		"no sound":                   {AppendWAV(nil, 8000, 1, nil), ErrDamagedWAV, "no sound"},
		"half a sample":              {riff(wavPCM, 1, 8000, 16, []byte{1, 2, 3}), ErrDamagedWAV, "do not divide"},
		"no channel":                 {patch(22, 0), ErrUnsupportedWAV, "0 channels"},
		"three channels":             {patch(22, 3), ErrUnsupportedWAV, "3 channels"},
		"7999 Hz":                    {riff(wavPCM, 1, 7999, 16, []byte{1, 2}), ErrUnsupportedWAV, "7999 Hz"},
		"48001 Hz":                   {riff(wavPCM, 1, 48001, 16, []byte{1, 2}), ErrUnsupportedWAV, "48001 Hz"},
		"4 GHz":                      {patch(24, 0xFF, 0xFF, 0xFF, 0xFF), ErrUnsupportedWAV, "Hz"},
		"12 bits":                    {patch(34, 12), ErrUnsupportedWAV, "12 bits"},
		"no bits":                    {patch(34, 0), ErrUnsupportedWAV, "0 bits"},
		"ADPCM":                      {patch(20, 2), ErrUnsupportedWAV, "format 2"},
		"double floats":              {riff(wavFloat, 1, 8000, 64, make([]byte, 16)), ErrUnsupportedWAV, "64 bits"},
		"extensible without details": {patch(20, 0xFE, 0xFF), ErrUnsupportedWAV, "format 65534"},
		"a wrong block size":         {patch(32, 7), ErrDamagedWAV, "block of 7 bytes"},
		"not a number":               {riff(wavFloat, 1, 8000, 32, floats(0, float32(math.NaN()))), ErrDamagedWAV, "sample 1"},
		"infinite":                   {riff(wavFloat, 1, 8000, 32, floats(float32(math.Inf(-1)))), ErrDamagedWAV, "sample 0"},
	} {
		if len(c.file) >= 8 && strings.HasPrefix(name, "two data") { // the size must be right for the rest to be looked at
			binary.LittleEndian.PutUint32(c.file[4:], uint32(len(c.file)-8))
		}
		got, err := ReadWAV(bytes.NewReader(c.file), 2000)
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) || got.Samples != nil {
			t.Errorf("%s: got %d samples, %v", name, len(got.Samples), err)
		}
	}
}

func TestReadWAV_LimitIsExactAndDecidedWhileReading(t *testing.T) {
	file := AppendWAV(nil, 8000, 1, make([]int16, 500))
	if _, err := ReadWAV(bytes.NewReader(file), int64(len(file))); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	r := &counting{r: io.MultiReader(bytes.NewReader(file), zeros{})}
	if _, err := ReadWAV(r, int64(len(file))); !errors.Is(err, ErrWAVTooLarge) || r.n > int64(len(file))+1 {
		t.Errorf("an endless file: read %d bytes, %v", r.n, err)
	}
	for _, limit := range []int64{-1, 0, math.MinInt64} {
		if _, err := ReadWAV(bytes.NewReader(file), limit); !errors.Is(err, ErrWAVTooLarge) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	if _, err := ReadWAV(bytes.NewReader(file), math.MaxInt64); err != nil {
		t.Errorf("without limit: %v", err)
	}
}

type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestReadWAV_AgreesWithSox(t *testing.T) {
	in := make([]int16, 2*441)
	for i := range in {
		in[i] = int16(i*7919%65536 - 32768)
	}
	source := AppendWAV(nil, 44100, 2, in)
	for _, args := range []string{"-b 16", "-b 24", "-b 32", "-b 8", "-e floating-point -b 32", "-e mu-law"} {
		args := fields(args)
		path := filepath.Join(t.TempDir(), "a.wav")
		sox(t, source, concat([]string{"-D", "-t", "wav", "-"}, args, []string{path})...)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadWAV(bytes.NewReader(file), 1<<20)
		if err != nil || got.Rate != 44100 || got.Channels != 2 || len(got.Samples) != len(in) {
			t.Errorf("%v: %d Hz, %d channels, %d samples, %v", args, got.Rate, got.Channels, len(got.Samples), err)
			continue
		}
		for i, v := range in {
			step := 0
			switch args[len(args)-1] {
			case "8":
				step = 256
			case "mu-law":
				step = abs(int(v))/16 + 8
			}
			if abs(int(v)-int(got.Samples[i])) > step {
				t.Errorf("%v: sample %d is %d, want %d", args, i, got.Samples[i], v)
				break
			}
		}
	}
}

func TestWAVWriter_WritesWhatAppendWAVDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rate := rapid.IntRange(8000, 48000).Draw(rt, "rate")
		channels := rapid.IntRange(1, 2).Draw(rt, "channels")
		var all []int16
		f := &seekable{}
		w, err := NewWAVWriter(f, rate, channels)
		if err != nil {
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 30).Draw(rt, "writes") {
			piece := rapid.SliceOfN(rapid.Int16(), channels*160, channels*160).Draw(rt, "samples")
			all = append(all, piece...)
			if err := w.Write(piece); err != nil {
				rt.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(f.b, AppendWAV(nil, rate, channels, all)) {
			rt.Fatal("files differ")
		}
		got, err := ReadWAV(bytes.NewReader(f.b), int64(len(f.b)))
		if err != nil || got.Rate != rate || got.Channels != channels || !slices.Equal(got.Samples, all) {
			rt.Fatalf("read back: %v", err)
		}
		if w.Write(all) == nil || w.Close() == nil {
			rt.Error("a closed writer takes more")
		}
	})
}

// seekable is a file in memory.
type seekable struct {
	b    []byte
	at   int
	fail int // which write fails, 0 for none
}

func (s *seekable) Write(p []byte) (int, error) {
	if s.fail > 0 {
		if s.fail--; s.fail == 0 {
			return 0, errors.New("disk full")
		}
	}
	s.b = append(s.b[:s.at], append(bytes.Clone(p), s.b[min(len(s.b), s.at+len(p)):]...)...)
	s.at += len(p)
	return len(p), nil
}

func (s *seekable) Seek(offset int64, whence int) (int64, error) {
	if s.at = int(offset); whence == io.SeekEnd {
		s.at += len(s.b)
	}
	return int64(s.at), nil
}

func TestWAVWriter_ReportsAFullDisk(t *testing.T) {
	for fail := 1; fail <= 3; fail++ {
		w, err := NewWAVWriter(&seekable{fail: fail}, 8000, 1)
		if fail == 1 {
			if err == nil {
				t.Error("no error from the header")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write(make([]int16, 5000))
		if err == nil && fail == 2 {
			t.Error("no error from Write")
		}
		if cerr := w.Close(); cerr == nil || !strings.Contains(cerr.Error(), "disk full") {
			t.Errorf("fail %d: Close says %v", fail, cerr)
		}
	}
	for _, c := range []int{0, 3} {
		if _, err := NewWAVWriter(&seekable{}, 8000, c); err == nil {
			t.Error(strconv.Itoa(c) + " channels are taken")
		}
	}
}

func FuzzReadWAV(f *testing.F) {
	f.Add(AppendWAV(nil, 8000, 1, []int16{1, 2, 3}))
	f.Add(riff(wavFloat, 2, 48000, 32, floats(1, 2)))
	f.Add(riff(wavMuLaw, 1, 8000, 8, []byte{1, 2}))
	f.Add(riff(wavPCM, 1, 8000, 24, make([]byte, 6)))
	f.Add(riff(wavExtensible, 1, 8000, 8, []byte{1})[:43])
	f.Add([]byte("RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 16
		w, err := ReadWAV(bytes.NewReader(b), limit)
		if err != nil {
			if w.Samples != nil {
				t.Error("samples with an error")
			}
			return
		}
		if len(b) > limit || len(w.Samples) == 0 || len(w.Samples)%w.Channels != 0 || len(w.Samples) > len(b) ||
			w.Channels < 1 || w.Channels > 2 || w.Rate < 8000 || w.Rate > 48000 {
			t.Errorf("took %+v of %d bytes", w, len(b))
		}
		again, err := ReadWAV(bytes.NewReader(AppendWAV(nil, w.Rate, w.Channels, w.Samples)), 2*limit+100)
		if err != nil || !slices.Equal(again.Samples, w.Samples) {
			t.Errorf("does not survive writing: %v", err)
		}
	})
}
