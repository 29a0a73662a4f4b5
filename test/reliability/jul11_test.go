package reliability

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// JUL-11: fifty sessions at once, each about another client, hear and get their own client's data and nobody
// else's: answers, tool calls with arguments and results, charts and mails. The race detector watches. Tiers: ci
// and nightly alike.
func TestJUL11_FiftySessionsKeepApart(t *testing.T) {
	const many = 50
	h := open(t, plan{})
	ids := make([]string, many)
	for i := range ids {
		ids[i] = fmt.Sprint(5001 + i) // six with transactions, the others without
	}
	pages := make([]*page, many)
	for i := range pages {
		pages[i] = h.page(visit{})
	}
	together := make(chan struct{})
	answers := make([][]string, many)
	var wg sync.WaitGroup
	for i, p := range pages {
		wg.Go(func() {
			<-together
			answers[i] = append(answers[i],
				p.ask("What transactions does client "+ids[i]+" have?"),
				p.ask("Send that to client"+ids[i]+"@example.com"),
				p.ask("Show me a chart of that"))
		})
	}
	close(together)
	wg.Wait()
	if t.Failed() {
		return
	}
	sessions := map[string]bool{}
	for i, p := range pages {
		sessions[p.session()] = true
		all := strings.Join(answers[i], "\n")
		p.mu.Lock()
		for _, m := range p.msgs {
			all += "\n" + reTimes.ReplaceAllString(string(m.Data), "")
		}
		p.mu.Unlock()
		if n := strings.Count(all, ids[i]); n < 3 {
			t.Errorf("session of client %s: it is named %d times in %s", ids[i], n, all)
		}
		for j, other := range ids {
			if where := names(all, other); j != i && where != "" {
				t.Errorf("session of client %s got something of client %s: %q", ids[i], other, where)
			}
		}
	}
	if len(sessions) != many {
		t.Errorf("%d sessions have %d ids", many, len(sessions))
	}
	mailed := map[string]string{}
	for _, m := range h.stage.Outbox() {
		mailed[m.To] = m.ClientID
	}
	for to, id := range mailed {
		if to != "client"+id+"@example.com" {
			t.Errorf("the data of client %s went to %s", id, to)
		}
	}
	if len(mailed) != 5 {
		t.Errorf("mails %v, want one for each client that has transactions", mailed)
	}
}

// reTimes are figures that may look like a client.
var reTimes = regexp.MustCompile(`"(start_|end_)?ms":\d+`)

// names finds a client's number that stands in a text by itself or in an address, not in an id or a time, and
// gives its surroundings.
func names(text, number string) string {
	if !strings.Contains(text, number) {
		return ""
	}
	at := regexp.MustCompile(`(^|[^\w.-]|client)` + number + `($|[^\w-])`).FindStringIndex(text)
	if at == nil {
		return ""
	}
	return text[max(0, at[0]-60):min(len(text), at[1]+60)]
}
