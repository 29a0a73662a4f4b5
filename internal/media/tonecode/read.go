package tonecode

// read reads the symbol in the next slot.
func (d *Decoder) read() bool {
	x, ok := d.window(d.slot, 0)
	if !ok {
		return false
	}
	place := d.slot
	d.slot += symbolSize
	d.spectrum.measure(x)
	v, contrast, power := d.spectrum.strongest()
	if d.state == after {
		d.stray(v, contrast, place)
		return true
	}
	if index, data, late, ok := d.fits(v, contrast); ok {
		d.slot -= int64(late)
		d.accept(index, data, place, power)
		return true
	}
	if d.onset(v, contrast, place) {
		return true
	}
	if power < fadedShare*d.power || meanSquare(x) < quietPower {
		d.msg.badSilent++
	} else {
		d.msg.badCorrupt++
	}
	if d.bad == 0 {
		d.scan = place - hop
	}
	d.bad++
	if d.grace > 0 {
		d.grace++
	}
	switch {
	case d.grace > graceSlots || d.state == locked && d.bad >= giveUpSlots:
		d.finish()
		d.state = idle // the time of a stray is over
	case d.state == candidate && d.bad >= confirmSlots:
		d.state, d.bad = idle, 0
	}
	return true
}

// fits tells which place in the message the symbol in the spectrum has; late is how much the window slipped.
func (d *Decoder) fits(v uint32, contrast float32) (place int, data uint16, late int, ok bool) {
	m := &d.msg
	sequence, data, ok := unpack(v)
	if expected := m.place(sequence); ok && d.state == locked && expected == m.next && expected >= 0 && expected < m.last() {
		// The very symbol that is due: data may look like a preamble symbol with one group misread.
		place = expected
	} else if i := preambleAt(v); i >= 0 {
		data = 0
		place, v = i-preambleLen, preamble[i]
		// Earlier places are plausible as a repeat or as a swap; else this is another message.
		ok = m.next <= headerLen && (place >= m.next-1 || place >= m.next-3 && m.at(place) == missing)
	} else {
		place = m.place(sequence)
		ok = ok && place >= 0 && place < m.last() && (d.state == locked || place <= m.next+confirmSlots-1)
	}
	if !ok || contrast < minContrast {
		return 0, 0, 0, false
	}
	late, coherence := d.spectrum.align(v, 1)
	return place, data, late, coherence >= minCoherence
}

// onset is whether the slot holds the preamble of another message, which then begins. It is not asked about the very
// symbol that a message began with, so that reading always moves on.
func (d *Decoder) onset(v uint32, contrast float32, place int64) bool {
	i := preambleAt(v)
	if i < 0 || contrast < minContrast || d.msg.valid == 0 {
		return false
	}
	late, coherence := d.spectrum.align(preamble[i], gridSlip)
	start := place - int64(late)
	if coherence < minCoherence || start < d.base {
		return false
	}
	if d.state == locked {
		d.finish()
	}
	d.begin(i-preambleLen, start)
	return true
}

// accept puts a symbol into the message and reports what it brings.
func (d *Decoder) accept(index int, data uint16, place int64, power float32) {
	m := &d.msg
	if m.put(index, data); m.valid == 1 {
		d.firstPower, d.power = power, power
	} else if power < weakShare*d.power {
		m.weak++
	}
	m.end = place - guard + symbolSize
	d.bad, d.scan = 0, d.slot-hop
	d.power += (power - d.power) / float32(min(m.valid, 8))
	if d.state == candidate && m.valid >= 2 {
		d.state = locked
		d.event(Event{Kind: Sync})
	}
	if d.state != locked {
		return
	}
	if m.complete() {
		d.finish()
		return
	}
	if m.length >= 0 && m.next >= m.last() {
		if d.grace++; d.grace > graceSlots {
			d.finish()
		}
		return
	}
	if m.newWord || m.next-m.told >= textSlots {
		m.newWord, m.told = false, m.next
		d.event(Event{Kind: Text, Text: m.text()})
	}
}

// stray looks at the slot after the end of a message: a repeat of its last symbol shows only here. Whatever else is
// there may be the next message, so the search takes over from here.
func (d *Decoder) stray(v uint32, contrast float32, place int64) {
	d.state, d.bad, d.scan = idle, 0, place-hop
	last := d.msg.last() - 1
	if d.msg.length < 0 || d.msg.next <= last || contrast < minContrast || v != pack(last, uint16(d.msg.at(last))) {
		return
	}
	if _, coherence := d.spectrum.align(v, 1); coherence >= minCoherence {
		d.msg.end += symbolSize
		d.event(Event{Kind: Stray, Repeated: 1})
		d.scan = d.slot - hop
	}
}
