package peer

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/voicectl/voicectl/internal/media"
)

func TestRecorder_SidesStayTogether(t *testing.T) {
	for name, tc := range map[string]struct{ file, left, right int }{
		"phone":              {8000, 8000, 8000},
		"browser":            {24000, 16000, 24000},
		"browser, half size": {16000, 16000, 24000},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "call.wav")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			r, err := NewRecorder(f, tc.file)
			if err != nil {
				t.Fatal(err)
			}
			const frames = 250 // 5 s; each side has one click, the left at 1 s, the right at 3 s
			for i := range frames {
				left, right := make([]int16, tc.left/50), make([]int16, tc.right/50)
				if i == 50 {
					left[0] = 20000
				}
				if i == 150 {
					right[0] = 20000
				}
				r.Write(left, tc.left, right, tc.right)
			}
			if err = errors.Join(r.Close(), r.Close(), f.Close()); err != nil {
				t.Fatal(err)
			}
			r.Write([]int16{1}, tc.file, []int16{1}, tc.file) // after the end: nothing
			in, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			wav, err := media.ReadWAV(in, 16<<20)
			if err = errors.Join(err, in.Close()); err != nil {
				t.Fatal(err)
			}
			if wav.Rate != tc.file || wav.Channels != 2 || len(wav.Samples) != 2*5*tc.file {
				t.Fatalf("%d Hz, %d channels, %d samples", wav.Rate, wav.Channels, len(wav.Samples))
			}
			for side, want := range []int{tc.file, 3 * tc.file} {
				best, at := int16(0), 0
				for i := side; i < len(wav.Samples); i += 2 {
					if wav.Samples[i] > best {
						best, at = wav.Samples[i], i/2
					}
				}
				if at != want || best < 5000 {
					t.Errorf("side %d: the click is at sample %d with %d, want %d", side, at, best, want)
				}
			}
		})
	}
}

type fullDisk struct{ io.WriteSeeker }

func (d fullDisk) Write(b []byte) (int, error) {
	if len(b) > 100 {
		return 0, errors.New("disk full")
	}
	return d.WriteSeeker.Write(b)
}

func TestRecorder_FailureIsTold(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "call.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := NewRecorder(fullDisk{f}, 8000)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		r.Write(make([]int16, 160), 8000, make([]int16, 160), 8000)
	}
	if err = r.Close(); err == nil {
		t.Fatal("a full disk went unnoticed")
	}
}
