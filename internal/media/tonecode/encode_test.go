package tonecode

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
)

func TestSymbol_ChecksSeparatePreambleFromData(t *testing.T) {
	for i, p := range preamble {
		for g := range groups {
			for k := range uint32(4) {
				if v := p ^ k<<(2*g); preambleAt(v) != i {
					t.Errorf("preamble %d with group %d off by %d is taken for %d", i, g, k, preambleAt(v))
				}
			}
		}
		if _, _, ok := unpack(p); ok {
			t.Errorf("preamble %d is a valid data symbol", i)
		}
	}
}

func TestSymbol_CheckCatchesEveryErrorOfOneTone(t *testing.T) {
	for index := range 32 {
		for _, data := range []uint16{0, 1, 0x5555, 0xFFFF, 0x4865, 0x1234} {
			v := pack(index, data)
			if s, d, ok := unpack(v); !ok || s != index || d != data {
				t.Fatalf("unpack(pack(%d, %#x)) = %d, %#x, %v", index, data, s, d, ok)
			}
			for g := range groups {
				for k := uint32(1); k < 4; k++ {
					if _, _, ok := unpack(v ^ k<<(2*g)); ok {
						t.Errorf("%d %#x: group %d off by %d is not noticed", index, data, g, k)
					}
				}
			}
		}
	}
	for n := range MaxText + 1 {
		if got, ok := unpackLength(packLength(n)); !ok || got != n {
			t.Fatalf("length %d: got %d, %v", n, got, ok)
		}
	}
	if _, ok := unpackLength(packLength(MaxText + 1)); ok {
		t.Error("a length beyond MaxText is believed")
	}
}

func TestEncode_IsLoudEnoughAndNeverClips(t *testing.T) {
	for _, rate := range []int{8000, 16000, 24000} {
		for _, text := range []string{question, "", strings.Repeat("\x00", 300), strings.Repeat("\xff\x7f", 300)} {
			sound := Encode(text, rate)
			level := 20 * math.Log10(rms(sound)/32768)
			peak := 0
			for _, v := range sound {
				peak = max(peak, int(v), -int(v))
			}
			if level < -18 || level > -14 || peak > 26000 {
				t.Errorf("rate %d: %.1f dBFS, peak %d", rate, level, peak)
			}
			if got := time.Duration(len(sound)) * time.Second / time.Duration(rate); got != Duration(text) {
				t.Errorf("rate %d: lasts %v, Duration says %v", rate, got, Duration(text))
			}
		}
	}
}

func TestEncode_StaysInTheTelephoneBand(t *testing.T) {
	sound := Encode(question, 8000)
	power := func(hz float64) float64 {
		var re, im float64
		for i, v := range sound {
			window := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(sound)))
			s, c := math.Sincos(2 * math.Pi * hz * float64(i) / 8000)
			re += window * c * float64(v)
			im += window * s * float64(v)
		}
		return re*re + im*im
	}
	var in, out float64
	for hz := 4.0; hz < 4000; hz += 8 {
		if hz >= 300 && hz <= 3400 {
			in += power(hz)
		} else {
			out += power(hz)
		}
	}
	if share := 10 * math.Log10(out/in); share > -20 {
		t.Errorf("%.1f dB of the power lies outside 300 to 3400 Hz", share)
	}
}

func TestEncode_TextThatCannotBeSentAsItIs(t *testing.T) {
	long := strings.Repeat("日", MaxText)
	for name, c := range map[string]struct{ text, want string }{
		"the longest":        {strings.Repeat("a", MaxText), strings.Repeat("a", MaxText)},
		"cut off at a rune":  {long, long[:MaxText/3*3]},
		"invalid UTF-8":      {"a\xffb\xc3", "a\uFFFDb\uFFFD"},
		"nothing":            {"", ""},
		"zero bytes":         {"\x00\x00\x00", "\x00\x00\x00"},
		"a rune across both": {"aé", "aé"},
	} {
		got := decode(8000, Encode(c.text, 8000))
		if len(got) != 1 || got[0].Text != c.want || !got[0].Clean() {
			t.Errorf("%s: got %d events, %+.100v", name, len(got), got)
		}
	}
}

// What a listener has read at the end of a word must hold that word, and a frame before must not.
func TestWordTimes_AgreeWithTheDecoder(t *testing.T) {
	for _, text := range []string{question, " a  bc\tdéf\nghij klm. ", "日本 語", "", "one"} {
		words := WordTimes(text)
		var names []string
		sound := Encode(text, 8000)
		for _, w := range words {
			names = append(names, w.Text)
			if w.End > Duration(text) || w.Start >= w.End {
				t.Errorf("%q: %+v", text, w)
			}
			heard := func(until time.Duration) string {
				got := decode(8000, sound[:media.Phone.Bytes(until)])
				if len(got) == 0 {
					return ""
				}
				return got[0].Text
			}
			if !strings.Contains(heard(w.End), w.Text) {
				t.Errorf("%q: %q is not there at %v: %q", text, w.Text, w.End, heard(w.End))
			}
			if until := w.End - media.FrameTime; len(heard(until)) >= strings.Index(text, w.Text)+len(w.Text) {
				t.Errorf("%q: %q is there at %v already: %q", text, w.Text, until, heard(until))
			}
		}
		if !slices.Equal(names, strings.Fields(text)) {
			t.Errorf("got %q want %q", names, strings.Fields(text))
		}
	}
}
