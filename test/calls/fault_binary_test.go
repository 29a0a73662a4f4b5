package calls_test

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// The program itself takes its second endpoints from the environment: with every first one refused a caller is heard and
// answered, and each request carries the key that was set for the second. (tier: ci)
func TestFault_TheProgramTakesItsFallbacksFromTheEnvironment(t *testing.T) {
	t.Parallel()
	box := sandbox.New(sandbox.Options{})
	base, stop, err := box.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, within(stop)) })
	nobody := refused(t)
	p := start(t, []string{
		"OPENAI_BASE_URL=http://" + nobody + "/v1", "OPENAI_API_KEY=bad-first", "SPEECHMATICS_RT_URL=ws://" + nobody + "/v2", "SPEECHMATICS_API_KEY=bad-first",
		"CARTESIA_BASE_URL=http://" + nobody, "CARTESIA_API_KEY=bad-first", "SUPABASE_URL=" + base + "/supabase", "SUPABASE_ANON_KEY=sandbox-supabase",
		"OPENAI_FALLBACK_BASE_URL=" + base + "/openai/v1", "OPENAI_FALLBACK_API_KEY=second", "OPENAI_FALLBACK_MODEL=gpt-4.1-nano",
		"SPEECHMATICS_FALLBACK_RT_URL=ws" + strings.TrimPrefix(base, "http") + "/speechmatics/v2", "SPEECHMATICS_FALLBACK_API_KEY=second",
		"CARTESIA_FALLBACK_BASE_URL=" + base + "/cartesia", "CARTESIA_FALLBACK_API_KEY=second",
	}, "--dev", "--data-dir", t.TempDir())
	v := (&house{t: t, url: p.url}).browser()
	v.hears("Julia") // the greeting
	v.says(question)
	v.hears("5001", "1,250.75")
	for _, vendor := range []string{stage.OpenAI, stage.Cartesia, stage.Speechmatics} {
		if calls, _ := box.Stage().Calls(vendor, 0); len(calls) == 0 {
			t.Errorf("the second endpoint of %s was not asked", vendor)
		}
	}
	if calls, _ := box.Stage().Calls(stage.OpenAI, 0); calls[0].Detail["model"] != "gpt-4.1-nano" {
		t.Errorf("asked %v, want the model of the second", calls[0].Detail["model"])
	}
	_ = v.Close() // it has no error of its own
	p.signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 0 {
		t.Errorf("exit %d\n%s", code, p.logs)
	}
}
