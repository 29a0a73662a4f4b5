package tonecode

import (
	"hash/crc32"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/voicectl/voicectl/internal/media"
)

// amplitude of one tone: twelve make -16 dBFS RMS, and could not clip if all their peaks met.
const amplitude = 0.065 * math.MaxInt16

const fadeTime = 0.75e-3 // seconds at each edge of a symbol, so that tones do not click

// Encode makes the sound of text at a rate (samples a second). Invalid UTF-8 is replaced by U+FFFD; what does not
// fit into MaxText bytes is cut off at a rune, so long texts are to be split before. Multiples of 8000 up to 48000
// are generated directly, other rates are resampled from 8000.
func Encode(text string, rate int) []int16 {
	if rate%lineRate != 0 || rate < lineRate || rate > 48000 {
		r := media.NewResampler(lineRate, rate)
		return r.Flush(r.Append(nil, Encode(text, lineRate)))
	}
	text = fit(text)
	p := newPlayer(rate, preambleLen+messageLen(len(text)))
	for _, v := range preamble {
		p.play(v)
	}
	index := 0
	send := func(data uint16) {
		p.play(pack(index, data))
		index++
	}
	for range headerLen {
		send(packLength(len(text)))
	}
	for i := 0; i < len(text); i += 2 {
		data := uint16(text[i]) << 8
		if i+1 < len(text) {
			data |= uint16(text[i+1])
		}
		send(data)
	}
	sum := checksum([]byte(text))
	send(uint16(sum >> 16))
	send(uint16(sum))
	return p.out
}

func checksum(text []byte) uint32 {
	sum := ^uint32(0)
	for _, b := range [2]byte{byte(len(text) >> 8), byte(len(text))} { // by hand: a slice would be allocated
		sum = crc32.IEEETable[byte(sum)^b] ^ sum>>8
	}
	return crc32.Update(^sum, crc32.IEEETable, text)
}

// fit is the text that is really sent.
func fit(text string) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= MaxText {
		return text
	}
	end := MaxText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// Duration is how long the sound of text lasts.
func Duration(text string) time.Duration {
	return time.Duration(preambleLen+messageLen(len(fit(text)))) * media.FrameTime
}

// Word is where a word lies within the sound of its text: once End has been heard, the word has.
type Word struct {
	Text       string
	Start, End time.Duration
}

// WordTimes gives the words of text (as strings.Fields finds them) with their places in its sound.
func WordTimes(text string) []Word {
	text = fit(text)
	var words []Word
	add := func(from, to int) {
		first, last := from/2, (to-1)/2
		words = append(words, Word{
			Text:  text[from:to],
			Start: time.Duration(preambleLen+headerLen+first) * media.FrameTime,
			End:   time.Duration(preambleLen+headerLen+last+1) * media.FrameTime,
		})
	}
	from := -1
	for i, r := range text {
		switch space := unicode.IsSpace(r); {
		case space && from >= 0:
			add(from, i)
			from = -1
		case !space && from < 0:
			from = i
		}
	}
	if from >= 0 {
		add(from, len(text))
	}
	return words
}

// player adds symbols to a sound.
type player struct {
	size  int       // samples a symbol
	wave  []float32 // one turn of the 62.5 Hz grid
	fade  []float32
	mixed []float32
	out   []int16
}

func newPlayer(rate, symbols int) *player {
	period := windowSize * rate / lineRate
	p := &player{size: rate / symbolRate, wave: make([]float32, period)}
	for i := range p.wave {
		p.wave[i] = float32(amplitude * math.Cos(2*math.Pi*float64(i)/float64(period)))
	}
	p.fade = make([]float32, int(fadeTime*float64(rate)))
	for i := range p.fade {
		p.fade[i] = float32(0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/float64(len(p.fade))))
	}
	p.mixed = make([]float32, p.size)
	p.out = make([]int16, 0, symbols*p.size)
	return p
}

func (p *player) play(v uint32) {
	clear(p.mixed)
	period := len(p.wave)
	lead := guard * period / windowSize
	for g := range groups {
		b := 4*g + int(v>>(2*g)&3)
		bin := firstBin + b
		at := (phase(b)*(period/windowSize) + (period-lead)*bin) % period
		for i := range p.mixed {
			p.mixed[i] += p.wave[at]
			if at += bin; at >= period {
				at -= period
			}
		}
	}
	for i, f := range p.fade {
		p.mixed[i] *= f
		p.mixed[p.size-1-i] *= f
	}
	for _, s := range p.mixed {
		p.out = append(p.out, int16(math.Round(float64(s))))
	}
}
