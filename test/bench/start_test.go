package bench

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/secret"
)

const rounds = 20

// BenchmarkStart_Version is `voicectl version` from exec to exit. Goal: under 15 ms.
func BenchmarkStart_Version(b *testing.B) {
	bin := binary(b)
	var sample []time.Duration
	for range rounds {
		start := time.Now()
		if err := exec.CommandContext(context.Background(), bin, "version").Run(); err != nil {
			b.Fatal(err)
		}
		sample = append(sample, time.Since(start))
	}
	report(b, sample)
}

// BenchmarkStart_Serve is `voicectl serve --sandbox` from exec until it takes connections. Goal: under
// 100 ms.
func BenchmarkStart_Serve(b *testing.B) {
	var sample []time.Duration
	for range rounds {
		_, ready, stop := serve(b)
		stop()
		sample = append(sample, ready)
	}
	report(b, sample)
}

// BenchmarkGreeting_Phone is from the open media stream (`start` goes out at once) to the first sound of
// the greeting at the caller. Goal: under 300 ms.
func BenchmarkGreeting_Phone(b *testing.B) {
	url, _, stop := serve(b)
	defer stop()
	var sample []time.Duration
	for range rounds {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		call, err := peer.CallTwilio(ctx, peer.PhoneOptions{Options: peer.Options{URL: url + "/twilio/voice"}, AuthToken: secret.New("sandbox-auth-token")})
		if err != nil {
			b.Fatal(err)
		}
		var open time.Time
		for e := range call.Events() {
			if e.Kind == peer.Open {
				open = e.At
			}
			if e.Kind == peer.AudioFirst {
				sample = append(sample, e.At.Sub(open))
				break
			}
		}
		go func() {
			for range call.Events() { //nolint:revive // drained until it is closed
			}
		}()
		_ = call.Close()
		cancel()
	}
	report(b, sample)
}
