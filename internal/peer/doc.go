// Package peer is the far end of a line: the phone network with a caller on it, and the page of a
// browser. It dials an agent the way they do, speaks in real time, and models what the caller's ear
// gets: sound plays from a buffer in real time, marks come back when they are reached, clear drops the
// rest. `call`, the simulated caller of checks, and the emulated phone network are made of it.
//
// Goroutines of a call: one owner (dials, paces every 20 ms by absolute deadlines, writes sound, plays)
// and, while a socket is open, one reader of it (which the owner waits for). Close waits for the owner.
package peer
