package tools

// tally counts over the whole call. Nobody proves who he is here, so a caller may ask for any client; but one
// who tries number after number is guessing, and one who reads out a whole register is no caller.
type tally struct {
	clients map[string]bool // asked for
	misses  map[string]bool // of those, with nothing to find
	mails   int
}

// admit lets a run look a client up; else out is the refusal. It is the same words whether there is such a
// client or not, and nothing is asked.
func (r *run) admit(id string) (out Outcome, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, p := &r.tally, r.o.Policy
	if t.clients[id] {
		return Outcome{}, true
	}
	if len(t.clients) >= p.Clients || len(t.misses) >= p.Misses {
		return refuse(ClassClients, "I have looked up as many clients as I may in one call. I can go on with those we have talked about.",
			"Do not try other client numbers in this call; none will be looked up."), false
	}
	if t.clients == nil {
		t.clients, t.misses = map[string]bool{}, map[string]bool{}
	}
	t.clients[id] = true
	return Outcome{}, true
}

// missed notes that there was nothing for a client.
func (r *run) missed(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tally.clients[id] { // not after Forget
		r.tally.misses[id] = true
	}
}

// mailing counts a mail that is about to be sent; false when there were enough.
func (r *run) mailing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally.mails++
	return r.tally.mails <= r.o.Policy.Mails
}
