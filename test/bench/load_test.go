package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/secret"
)

// BenchmarkLoad_Calls holds full calls: each caller asks a question by voice every ten seconds and hears
// the answer. Three processes: callers (this one), sandbox, serve; processor time is of serve alone. The
// number of calls is $LOAD_CALLS (300), the time they are held $LOAD_HOLD (30s).
func BenchmarkLoad_Calls(b *testing.B) {
	calls, hold := 300, 30*time.Second
	if n, err := strconv.Atoi(os.Getenv("LOAD_CALLS")); err == nil {
		calls = n
	}
	if d, err := time.ParseDuration(os.Getenv("LOAD_HOLD")); err == nil {
		hold = d
	}
	floor := echoCost(b, calls, min(hold, 10*time.Second))

	box := process(b, nil, "sandbox", "--addr", "127.0.0.1:0")
	defer box.stop()
	env := sandboxEnv(b, box.url)
	agent := process(b, append(env, "LOG_LEVEL=error", "VOICECTL_LIMITS_MAX_SESSIONS="+strconv.Itoa(calls+10)),
		"serve", "--dev", "--port", "0", "--admin-addr", adminAddr(), "--data-dir", b.TempDir())
	defer agent.stop()

	before := agent.rss(b)
	ctx, cancel := context.WithTimeout(context.Background(), hold+2*time.Minute)
	defer cancel()
	fleet := callAll(ctx, b, agent.url+"/twilio/voice", calls)
	time.Sleep(3 * time.Second) // the greetings
	cpu, at := agent.cpu(b), time.Now()
	fleet.talk(hold)
	used, took := agent.cpu(b)-cpu, time.Since(at)
	grown := agent.rss(b) - before
	time.Sleep(2 * time.Second) // who is speaking may finish
	stats := fleet.hangUp()

	frames := float64(calls) * float64(took) / float64(20*time.Millisecond)
	perFrame := float64(used) / frames
	b.ReportMetric(float64(calls), "calls")
	b.ReportMetric(perFrame/1000, "serve-µs/20ms")
	b.ReportMetric(floor/1000, "echo-µs/20ms")
	b.ReportMetric(perFrame/floor, "ratio")
	b.ReportMetric(used.Seconds()/took.Seconds(), "serve-cores")
	b.ReportMetric(float64(grown)/float64(calls)/1024, "KiB/call")
	b.ReportMetric(float64(stats.skipped), "skipped-by-callers")
	b.ReportMetric(float64(stats.maxLate.Microseconds())/1000, "caller-late-max-ms")
	lost, heard := damage(b, box.url)
	b.ReportMetric(float64(lost), "damaged-frames")
	b.ReportMetric(float64(heard), "heard-turns")
	b.ReportMetric(0, "ns/op")
}

// adminAddr lets somebody look into serve while it is under load: $LOAD_ADMIN=127.0.0.1:9191.
func adminAddr() string {
	if a := os.Getenv("LOAD_ADMIN"); a != "" {
		return a
	}
	return "off"
}

// fleet is many callers.
type fleet struct {
	b     *testing.B
	peers []*peer.Phone
	done  sync.WaitGroup
}

func callAll(ctx context.Context, b *testing.B, url string, n int) *fleet {
	b.Helper()
	f := &fleet{b: b, peers: make([]*peer.Phone, n)}
	var wg sync.WaitGroup
	gate := make(chan struct{}, 8)
	for i := range n {
		wg.Add(1)
		gate <- struct{}{}
		go func() {
			defer wg.Done()
			defer func() { <-gate }()
			p, err := peer.CallTwilio(ctx, peer.PhoneOptions{Options: peer.Options{URL: url}, AuthToken: secret.New("sandbox-auth-token")})
			if err != nil {
				b.Error(err)
				return
			}
			f.peers[i] = p
			f.done.Add(1)
			go func() {
				defer f.done.Done()
				for range p.Events() { //nolint:revive // drained until it is closed
				}
			}()
		}()
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return f
}

// talk lets every caller ask in turn, spread over ten seconds, until the time is over.
func (f *fleet) talk(hold time.Duration) {
	const every = 10 * time.Second
	question := tonecode.Encode("What transactions does client 5001 have?", 8000)
	end := time.Now().Add(hold)
	step := every / time.Duration(len(f.peers))
	for i := 0; time.Now().Before(end); i++ {
		f.peers[i%len(f.peers)].Say(question, 8000)
		time.Sleep(step)
	}
}

type fleetStats struct {
	skipped int
	maxLate time.Duration
}

func (f *fleet) hangUp() fleetStats {
	var s fleetStats
	var wg sync.WaitGroup
	for _, p := range f.peers {
		st := p.Stats()
		s.skipped += st.FramesSkipped
		s.maxLate = max(s.maxLate, st.MaxLate)
		wg.Add(1)
		go func() { defer wg.Done(); _ = p.Close() }()
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

// sandboxEnv asks the binary how to point at a sandbox.
func sandboxEnv(b *testing.B, url string) []string {
	b.Helper()
	var env []string
	out, err := command(binary(b), "sandbox", "env", "--url", url).Output()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		env = append(env, fmt.Sprintf("%s=%s", name, strings.Trim(value, "'")))
	}
	return env
}
