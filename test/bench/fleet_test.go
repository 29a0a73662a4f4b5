package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/secret"
)

// fleet is many callers.
type fleet struct {
	b     *testing.B
	peers []*peer.Phone
	done  sync.WaitGroup
	see   func(caller int, e peer.Event) // nil = nobody looks at the events
	next  int                            // whose turn it is to ask
}

// dial places n more calls, eight at a time.
func (f *fleet) dial(ctx context.Context, url string, n int) {
	f.b.Helper()
	from := len(f.peers)
	f.peers = append(f.peers, make([]*peer.Phone, n)...)
	var wg sync.WaitGroup
	gate := make(chan struct{}, 8)
	for i := from; i < len(f.peers); i++ {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			p, err := peer.CallTwilio(ctx, phone(url, i))
			if err != nil {
				f.b.Error(err)
				return
			}
			f.peers[i] = p
			f.done.Go(func() {
				for e := range p.Events() {
					if f.see != nil {
						f.see(i, e)
					}
				}
			})
		})
	}
	wg.Wait()
	if f.b.Failed() {
		f.b.FailNow()
	}
}

// phone is one of many callers, each with a number of its own.
func phone(url string, i int) peer.PhoneOptions {
	return peer.PhoneOptions{Options: peer.Options{URL: url}, AuthToken: secret.New("sandbox-auth-token"), From: fmt.Sprintf("+1555%07d", i)}
}

// talk lets every caller ask in turn, spread over ten seconds, until the time is over.
func (f *fleet) talk(hold time.Duration) {
	question := tonecode.Encode("What transactions does client 5001 have?", 8000)
	f.ask(hold, 10*time.Second, func(int) []int16 { return question })
}

// ask lets every caller say something in turn, each once in every.
func (f *fleet) ask(hold, every time.Duration, say func(caller int) []int16) {
	end := time.Now().Add(hold)
	step := every / time.Duration(len(f.peers))
	for due := time.Now(); due.Before(end); due = due.Add(step) {
		time.Sleep(time.Until(due))
		i := f.next % len(f.peers)
		f.next++
		f.peers[i].Say(say(i), 8000)
	}
}

type fleetStats struct {
	skipped, starved int
	maxLate          time.Duration
}

func (s *fleetStats) add(o fleetStats) {
	s.skipped += o.skipped
	s.starved += o.starved
	s.maxLate = max(s.maxLate, o.maxLate)
}

func (f *fleet) hangUp() fleetStats {
	var s fleetStats
	var wg sync.WaitGroup
	for _, p := range f.peers {
		st := p.Stats()
		s.add(fleetStats{st.FramesSkipped, st.Starved, st.MaxLate})
		wg.Go(func() { _ = p.Close() })
	}
	wg.Wait()
	f.done.Wait()
	return s
}

// damage asks the recognizer's emulator how many 20 ms frames did not arrive as they were spoken, and how
// many utterances arrived whole.
func damage(b *testing.B, box string) (damaged, whole int) {
	b.Helper()
	resp, err := http.Get(box + "/_sandbox/calls?vendor=speechmatics")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var list struct {
		Calls []struct {
			Detail struct {
				Damage struct{ OK, Messages, Lost, Repeated, Reordered, Corrupt, Gaps int } `json:"damage"`
			} `json:"detail"`
		} `json:"calls"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		b.Fatal(err)
	}
	for _, c := range list.Calls {
		d := c.Detail.Damage
		whole += d.OK
		damaged += d.Lost + d.Repeated + d.Reordered + d.Corrupt + d.Gaps + d.Messages - d.OK
	}
	return damaged, whole
}
