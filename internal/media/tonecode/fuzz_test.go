package tonecode

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/voicectl/voicectl/internal/media"
)

// Whatever comes over the wire, events are in order and their figures sound.
func FuzzDecoder(f *testing.F) {
	whole := media.EncodeMuLaw(nil, Encode("hello there", 8000))
	f.Add(whole, uint16(160), uint8(0))
	f.Add(whole[:len(whole)/2], uint16(1), uint8(1))
	f.Add(append(append([]byte{}, whole[:1000]...), whole...), uint16(333), uint8(2))
	f.Add(append(append([]byte{}, whole[:700]...), whole[500:]...), uint16(160), uint8(0))
	f.Add([]byte{0, 0xFF, 0x7F, 0x80}, uint16(2), uint8(0))
	f.Fuzz(func(t *testing.T, codes []byte, write uint16, kind uint8) {
		if len(codes) > 1<<16 {
			return
		}
		rate := []int{8000, 16000, 24000}[kind%3]
		samples := media.DecodeMuLaw(nil, codes)
		d := NewDecoder(rate)
		open := false
		length := time.Duration(len(samples)) * time.Second / time.Duration(rate)
		for _, e := range everything(d, max(1, int(write)), samples) {
			switch {
			case e.Start > e.End || e.Start < 0 || e.End > length+media.FrameTime:
				t.Errorf("times: %+v of %v", e, length)
			case !utf8.ValidString(e.Text) || len(e.Text) > 3*MaxText:
				t.Errorf("text: %+v", e)
			case e.Kind == Sync && open || (e.Kind == Text || e.Kind == Message) && !open:
				t.Errorf("order: %+v", e)
			case e.Lost < 0 || e.Repeated < 0 || e.Reordered < 0 || e.Corrupt < 0 || e.Gaps < 0 || e.OK && e.Tail != 0:
				t.Errorf("counts: %+v", e)
			}
			open = e.Kind == Sync || e.Kind == Text
		}
		if open || d.Locked() {
			t.Error("a message is left open")
		}
	})
}
