package stage

import (
	"fmt"
	"slices"
)

// maxMails bounds the outbox; the oldest go first.
const maxMails = 1000

// Send puts a mail into the outbox, gives it its id and its time, and returns it so.
func (s *Stage) Send(m Mail) Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mailSeq++
	m.ID, m.At = fmt.Sprintf("msg_%06d", s.mailSeq), s.o.Now()
	if s.mails = append(s.mails, m); len(s.mails) > maxMails {
		s.mails = slices.Delete(s.mails, 0, 1)
	}
	return m
}

// Outbox returns the mails that were "sent", oldest first.
func (s *Stage) Outbox() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail{}, s.mails...)
}
