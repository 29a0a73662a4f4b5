package session

// queue is sound in the pieces in which it came. What was sent is let go at once: a synthesizer is many times
// faster than speech, so that most of an answer lies here for seconds.
type queue struct {
	pieces [][]byte
	size   int    // bytes
	buf    []byte // of what pop gathers
}

func (q *queue) push(data []byte) {
	if len(data) == 0 {
		return
	}
	q.pieces = append(q.pieces, data)
	q.size += len(data)
}

// pop takes n bytes, 0 < n <= size, out of the queue: a part of a piece where it can, else gathered. They are
// valid until the next pop.
func (q *queue) pop(n int) []byte {
	q.size -= n
	if head := q.pieces[0]; n <= len(head) {
		q.drop(n)
		return head[:n:n]
	}
	q.buf = q.buf[:0]
	for n > 0 {
		k := min(n, len(q.pieces[0]))
		q.buf = append(q.buf, q.pieces[0][:k]...)
		q.drop(k)
		n -= k
	}
	return q.buf
}

// drop forgets n bytes of the first piece.
func (q *queue) drop(n int) {
	if q.pieces[0] = q.pieces[0][n:]; len(q.pieces[0]) > 0 {
		return
	}
	q.pieces[0] = nil
	if q.pieces = q.pieces[1:]; len(q.pieces) == 0 {
		q.pieces = nil
	}
}
