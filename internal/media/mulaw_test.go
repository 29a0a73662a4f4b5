package media

import (
	"bytes"
	"math"
	"os/exec"
	"testing"
)

// levelByG711 decodes by the recommendation: sign, three bits of segment, four of step; levels are (33 + 2 step)
// shifted by the segment, minus 33, on a 14 bit scale.
func levelByG711(code byte) int {
	code = ^code
	v := ((33 + 2*int(code&15)) << (code >> 4 & 7)) - 33
	if code>>7 == 1 {
		v = -v
	}
	return v * 4
}

// codeByG711 encodes bit by bit: clip, add the bias, find the leading one, take the four bits after it.
func codeByG711(sample int) byte {
	sign, v := byte(0), sample
	if v < 0 {
		sign, v = 0x80, -v
	}
	v = min(v, 32635) + 132
	segment := 7
	for mask := 0x4000; v&mask == 0; mask >>= 1 {
		segment--
	}
	return ^(sign | byte(segment)<<4 | byte(v>>(segment+3))&15)
}

func allSamples() []int16 {
	out := make([]int16, 0, 1<<16)
	for v := math.MinInt16; v <= math.MaxInt16; v++ {
		out = append(out, int16(v))
	}
	return out
}

func allCodes() []byte {
	out := make([]byte, 256)
	for i := range out {
		out[i] = byte(i)
	}
	return out
}

func TestMuLaw_EqualsG711ForEverySampleAndCode(t *testing.T) {
	codes := allCodes()
	for i, got := range DecodeMuLaw(nil, codes) {
		if want := levelByG711(codes[i]); int(got) != want || MuLawSample(codes[i]) != got {
			t.Errorf("code %#x: got %d want %d", i, got, want)
		}
	}
	samples := allSamples()
	for i, got := range EncodeMuLaw(nil, samples) {
		if want := codeByG711(int(samples[i])); got != want || MuLawCode(samples[i]) != got {
			t.Fatalf("sample %d: got %#x want %#x", samples[i], got, want)
		}
	}
}

// The decision values of the recommendation (14 bit scale): step q of segment s reaches from (32+2q)*2^s - 33 to
// (34+2q)*2^s - 33.
func TestMuLaw_KeepsTheDecisionValues(t *testing.T) {
	for _, sample := range allSamples() {
		magnitude := abs(int(sample))
		if magnitude > 32635 {
			continue
		}
		code := ^MuLawCode(sample)
		s, q := code>>4&7, int(code&15)
		from, to := 4*(((32+2*q)<<s)-33), 4*(((34+2*q)<<s)-33)
		if magnitude < from || magnitude >= to || code>>7 == 1 != (sample < 0) {
			t.Fatalf("sample %d: segment %d, step %d of %d to %d", sample, s, q, from, to)
		}
	}
}

func abs(v int) int { return max(v, -v) }

func TestMuLaw_RoundTripKeepsCodes(t *testing.T) {
	for _, code := range allCodes() {
		want := code
		if code == 0x7F { // minus zero: both zeros decode to 0, which is +0
			want = MuLawSilence
		}
		if got := MuLawCode(MuLawSample(code)); got != want {
			t.Errorf("code %#x comes back as %#x", code, got)
		}
	}
}

func sox(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("sox")
	if err != nil {
		t.Skip("sox is not installed; this test compares with it")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = bytes.NewReader(in)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sox %v: %v: %s", args, err, talk.String())
	}
	return out
}

const (
	soxPCM   = "-t raw -e signed -b 16 -L -c 1"
	soxMuLaw = "-t raw -e mu-law -b 8 -c 1 -r 8000"
)

func TestMuLaw_AgreesWithSox(t *testing.T) {
	pcm := append(fields(soxPCM), "-r", "8000")
	decoded := sox(t, allCodes(), concat([]string{"-D"}, fields(soxMuLaw), []string{"-"}, pcm, []string{"-"})...)
	if !bytes.Equal(decoded, AppendPCM16(nil, DecodeMuLaw(nil, allCodes()))) {
		t.Error("levels differ from sox")
	}
	// sox rounds to 14 bits first, so it may take a level that is not the nearest; then it is the neighbour of ours,
	// and no nearer.
	samples := allSamples()
	encoded := sox(t, AppendPCM16(nil, samples), concat([]string{"-D"}, pcm, []string{"-"}, fields(soxMuLaw), []string{"-"})...)
	if len(encoded) != len(samples) {
		t.Fatalf("sox gave %d codes", len(encoded))
	}
	differ := 0
	for i, theirs := range encoded {
		ours := MuLawCode(samples[i])
		if MuLawSample(ours) == MuLawSample(theirs) {
			continue
		}
		differ++
		miss := abs(int(MuLawSample(ours)) - int(samples[i]))
		if other := abs(int(MuLawSample(theirs)) - int(samples[i])); abs(int(ours)-int(theirs)) != 1 || other < miss {
			t.Fatalf("sample %d: %#x, sox says %#x, which is nearer", samples[i], ours, theirs)
		}
	}
	if differ > 1000 {
		t.Errorf("%d codes differ from sox", differ)
	}
}

func TestCodecs_DoNotAllocateWithCapacity(t *testing.T) {
	codes, samples := make([]byte, 0, 320), make([]int16, 0, 160)
	in := make([]int16, 160)
	if n := testing.AllocsPerRun(100, func() {
		codes = EncodeMuLaw(codes[:0], in)
		samples = DecodeMuLaw(samples[:0], codes)
		codes = AppendPCM16(codes[:0], in)
		samples = DecodePCM16(samples[:0], codes)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPCM16_RoundTripAndOddByte(t *testing.T) {
	samples := allSamples()
	b := AppendPCM16([]byte("kept"), samples)
	got := DecodePCM16([]int16{7}, append(b[4:], 0x55))
	if string(b[:4]) != "kept" || len(got) != 1+len(samples) || got[0] != 7 {
		t.Fatalf("prefix or length: %q, %d", b[:4], len(got))
	}
	for i, v := range samples {
		if got[i+1] != v {
			t.Fatalf("sample %d came back as %d", v, got[i+1])
		}
	}
	if b[4] != 0x00 || b[5] != 0x80 {
		t.Errorf("-32768 is % x, want 00 80", b[4:6])
	}
}

func TestFrame_SamplesDecodesEitherEncoding(t *testing.T) {
	want := []int16{0, 8, -8, 1000 / 64 * 64}
	for _, format := range []Format{Phone, BrowserIn} {
		f := NewFrame(format, zeroTime)
		if format.Encoding == MuLaw {
			f.Data = EncodeMuLaw(f.Data, want)
		} else {
			f.Data = AppendPCM16(f.Data, want)
		}
		got := f.Samples(nil)
		for i := range want {
			if step := abs(int(want[i])) / 16; len(got) != len(want) || abs(int(got[i]-want[i])) > step {
				t.Errorf("%v: got %v want %v", format, got, want)
			}
		}
		f.Release()
	}
}

func BenchmarkMuLawDecode(b *testing.B) {
	codes, out := make([]byte, 160), make([]int16, 0, 160)
	for i := range codes {
		codes[i] = byte(i * 37)
	}
	b.ReportAllocs()
	for b.Loop() {
		out = DecodeMuLaw(out[:0], codes)
	}
}

func BenchmarkMuLawEncode(b *testing.B) {
	in, out := make([]int16, 160), make([]byte, 0, 160)
	for i := range in {
		in[i] = int16(i * 397)
	}
	b.ReportAllocs()
	for b.Loop() {
		out = EncodeMuLaw(out[:0], in)
	}
}
