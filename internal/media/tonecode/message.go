package tonecode

import (
	"strings"
	"unicode/utf8"
)

const missing = -1

// message gathers the symbols of one message by their place, -preambleLen for the first of the preamble.
type message struct {
	symbols []int32 // data (0 for the preamble) or missing; index 0 is place -preambleLen
	next    int     // place after the highest that came
	length  int     // bytes of text; -1 until a header came
	valid   int     // symbols read
	first   int64   // where the first symbol begins
	end     int64   // where the last one ends

	repeated, reordered, corrupt, gaps int
	weak                               int // read, but with part of the symbol missing
	badCorrupt, badSilent              int // since the last symbol read; they count once another one is

	told    int // places up to here are in the last Text event
	newWord bool
	buf     []byte
}

func (m *message) reset(place int, start int64) {
	*m = message{symbols: m.symbols[:0], buf: m.buf[:0], next: -preambleLen, length: -1, first: start, end: start}
	m.told = headerLen
	m.reach(place)
}

// reach notes that places below the given one have not come.
func (m *message) reach(place int) {
	for ; m.next < place; m.next++ {
		m.symbols = append(m.symbols, missing)
	}
}

func (m *message) at(place int) int32 { return m.symbols[place+preambleLen] }

// last is the place after the last symbol, as far as is known.
func (m *message) last() int {
	if m.length < 0 {
		return messageLen(MaxText)
	}
	return messageLen(m.length)
}

// place is which place a sequence number means: the nearest to the next.
func (m *message) place(sequence int) int {
	return m.next + (sequence-m.next+16)&31 - 16
}

// put takes a symbol that was read.
func (m *message) put(place int, data uint16) {
	m.valid++
	m.corrupt += m.badCorrupt
	m.gaps += m.badSilent
	m.badCorrupt, m.badSilent = 0, 0
	switch {
	case place >= m.next:
		m.reach(place)
		m.symbols = append(m.symbols, int32(data))
		m.next++
	case m.at(place) == missing:
		m.reordered++
		m.symbols[place+preambleLen] = int32(data)
	case m.at(place) == int32(data):
		m.repeated++
		return
	default: // two that claim one place: at least one was misread
		m.corrupt++
		m.symbols[place+preambleLen] = int32(data)
	}
	switch {
	case place < 0:
	case place < headerLen:
		if n, ok := unpackLength(data); ok && m.length < 0 && messageLen(n) >= m.next {
			m.length = n
		}
	case isSpace(byte(data>>8)) || isSpace(byte(data)):
		m.newWord = true
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// complete is whether every symbol of text and checksum came.
func (m *message) complete() bool {
	return m.length >= 0 && m.next >= m.last() && m.holes(headerLen) == 0
}

// holes counts the missing places from the given one on, below next.
func (m *message) holes(from int) (n int) {
	for place := from; place < m.next; place++ {
		if m.at(place) == missing {
			n++
		}
	}
	return n
}

// bytes puts the text together as far as it goes; whole is false where a symbol is missing.
func (m *message) bytes() (text []byte, whole bool) {
	m.buf, whole = m.buf[:0], true
	n := MaxText
	if m.length >= 0 {
		n = m.length
	}
	for place := headerLen; place < min(m.next, headerLen+textSymbols(n)); place++ {
		data, left := m.at(place), n-2*(place-headerLen)
		switch {
		case data == missing:
			m.buf, whole = utf8.AppendRune(m.buf, utf8.RuneError), false
		case left == 1:
			m.buf = append(m.buf, byte(data>>8))
		default:
			m.buf = append(m.buf, byte(data>>8), byte(data))
		}
	}
	return m.buf, whole
}

// text is the text so far, without a rune that is still under way.
func (m *message) text() string {
	b, _ := m.bytes()
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				b = b[:len(b)-i]
			}
			break
		}
	}
	return strings.ToValidUTF8(string(b), string(utf8.RuneError))
}

// result is the final Event but for its times.
func (m *message) result() Event {
	e := Event{
		Kind: Message, Text: m.text(),
		Repeated: m.repeated, Reordered: m.reordered, Corrupt: m.corrupt + m.weak, Gaps: m.gaps,
	}
	e.Lost = max(0, m.holes(-preambleLen)-m.corrupt)
	if m.length < 0 {
		e.Tail = -1
		return e
	}
	if e.Tail = max(0, m.last()-m.next); e.Tail > 0 {
		e.Lost += e.Tail
		return e
	}
	if !m.complete() {
		return e
	}
	text, _ := m.bytes()
	high, low := m.at(m.last()-checksumLen), m.at(m.last()-checksumLen+1)
	e.OK = checksum(text) == uint32(high)<<16|uint32(low) && utf8.Valid(text)
	return e
}
