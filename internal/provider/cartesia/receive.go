package cartesia

import (
	"errors"
	"fmt"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/ws"
)

// read receives until the socket ends, or what comes cannot be understood.
func (c *Client) read(sock *socket) {
	var buf, sound []byte
	for {
		kind, data, err := sock.conn.Read(buf)
		if err != nil {
			sock.err = wireError(err)
			return
		}
		buf = data
		sock.heard = true
		if kind != ws.Text {
			c.count(func(st *Stats) { st.Unknown++ })
			continue
		}
		m, err := decode(data)
		if err != nil { // whose sound it was cannot be known
			sock.err = protocolError(err)
			return
		}
		sound = c.receive(&m, c.o.Clock.Now(), sound)
	}
}

// receive acts on one message. sound is a buffer to decode into, which it returns.
func (c *Client) receive(m *inbound, at time.Time, sound []byte) []byte {
	c.mu.Lock()
	c.heard = at
	sp := c.open[m.ContextID]
	if sp == nil {
		c.stats.Late++
		c.mu.Unlock()
		if m.Type == TypeError && m.ContextID == "" { // of the socket as a whole
			c.failAll(m.failure(), func(sp *Speech) bool { return sp.onWire })
		}
		return sound
	}
	switch m.Type {
	case TypeChunk:
		return c.chunk(sp, m, at, sound)
	case TypeTimestamps:
		words := sp.place(m)
		sp.answered(at)
		c.mu.Unlock()
		if len(words) > 0 {
			sp.tell(Event{Kind: Words, Words: words, At: at})
		}
		return sound
	case TypeDone:
		over := sp.final && c.remove(sp)
		silent, odd := sp.said && !sp.sounded, sp.implausible()
		c.mu.Unlock()
		switch {
		case !over: // the vendor has only forgotten the context; more text makes it anew
		case silent:
			sp.fail(&guard.Error{Class: guard.Empty, Err: errors.New("no sound was made of the text")}, true)
		default:
			_ = sp.guard(odd, false)
			sp.tell(Event{Kind: Complete, At: at})
		}
		return sound
	case TypeError:
		c.remove(sp)
		c.mu.Unlock()
		sp.fail(m.failure(), true)
		return sound
	case TypeFlushDone, "phoneme_timestamps":
	default:
		c.stats.Unknown++
	}
	c.mu.Unlock()
	return sound
}

// chunk decodes sound and tells of it. c.mu is held and given back.
func (c *Client) chunk(sp *Speech, m *inbound, at time.Time, sound []byte) []byte {
	sound, err := m.sound(append(sound[:0], sp.half...))
	if err != nil {
		c.remove(sp)
		c.mu.Unlock()
		sp.fail(protocolError(fmt.Errorf("sound is not base64: %w", err)), true)
		return sound[:0]
	}
	whole := len(sound) - len(sound)%sp.format.SampleBytes()
	sp.half = append(sp.half[:0], sound[whole:]...)
	sp.bytes += int64(whole)
	sp.answered(at)
	if whole > 0 {
		sp.sounded, sp.last, sp.sent, sp.size = true, at, nil, 0
	}
	if length := sp.length(); length > sp.most() {
		c.remove(sp)
		c.push(outgoing{payload: encode(Cancel{ContextID: sp.id, Cancel: true})})
		c.mu.Unlock()
		sp.fail(protocolError(fmt.Errorf("%s of sound for %d bytes of text", length.Round(time.Second), sp.chars)), true)
		return sound
	}
	c.mu.Unlock()
	if whole > 0 {
		sp.tell(Event{Kind: Audio, Data: sound[:whole], At: at})
	}
	return sound
}

// answered moves the stall clock. While more text may come, silence after some sound is no stall: it
// cannot be told from text that has been spoken to its end. Sound that comes slower than it is heard is a
// stall in slices: what the ear lacks in all may not be more either. The client's lock is held.
func (sp *Speech) answered(at time.Time) {
	sp.due = time.Time{}
	if !sp.final {
		return
	}
	sp.due = at.Add(sp.c.o.Stall)
	if most := sp.asked.Add(sp.length() - sp.askedAt + sp.c.o.Stall); most.Before(sp.due) {
		sp.due = most
	}
}

// most is how much sound may come by now: a bit more than its words reach, or where the vendor tells of none, as
// long as the slowest voice takes. The client's lock is held.
func (sp *Speech) most() time.Duration {
	most := soundFixed + time.Duration(sp.chars)*soundPerByte
	if sp.spoken > 0 {
		most = min(most, sp.spoken+soundBeyond)
	}
	return most
}

// implausible judges a whole speech by its word times: sound of another rate than was asked for is much
// longer or shorter than its words. It has been heard by now and is no failure of this speech, but it counts
// against the vendor. The client's lock is held.
func (sp *Speech) implausible() error {
	length, words := sp.length(), sp.spoken
	const slack = time.Second
	if words == 0 || length <= words+words/2+slack && length+slack >= words/2 {
		return nil
	}
	return protocolError(fmt.Errorf("%s of sound for words of %s", length.Round(time.Millisecond), words.Round(time.Millisecond)))
}

// place puts word times on the clock of the speech. The client's lock is held.
func (sp *Speech) place(m *inbound) []Word {
	words := m.words(sp.offset)
	if len(words) == 0 {
		return nil
	}
	if sp.resumed > sp.offset && words[0].Start < sp.spoken-50*time.Millisecond { // the vendor began anew
		for i := range words {
			words[i].Start += sp.resumed - sp.offset
			words[i].End += sp.resumed - sp.offset
		}
		sp.offset = sp.resumed
	}
	sp.spoken = max(sp.spoken, words[len(words)-1].End)
	return words
}
