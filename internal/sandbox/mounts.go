package sandbox

import (
	"net/http"

	"github.com/voicectl/voicectl/internal/sandbox/cartesia"
	"github.com/voicectl/voicectl/internal/sandbox/huggingface"
	"github.com/voicectl/voicectl/internal/sandbox/openai"
	"github.com/voicectl/voicectl/internal/sandbox/speechmatics"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/sandbox/supabase"
	"github.com/voicectl/voicectl/internal/sandbox/twilio"
	"github.com/voicectl/voicectl/internal/sandbox/ultravox"
)

// mount is one emulator: a vendor's name is its prefix.
type mount struct {
	vendor string
	make   func(*stage.Stage) http.Handler
	refuse func(http.ResponseWriter, *http.Request, stage.Fault)
}

// mounts lists the emulators. One that holds sockets implements io.Closer too.
func mounts() []mount {
	return []mount{
		{stage.Speechmatics, func(s *stage.Stage) http.Handler { return speechmatics.New(s) }, speechmatics.Refuse},
		{stage.OpenAI, openai.New, openai.Refuse},
		{stage.Supabase, supabase.New, supabase.Refuse},
		{stage.Cartesia, func(s *stage.Stage) http.Handler { return cartesia.New(s) }, cartesia.Refuse},
		{stage.Twilio, func(s *stage.Stage) http.Handler { return twilio.New(s) }, twilio.Refuse},
		{stage.HuggingFace, huggingface.New, huggingface.Refuse},
		{stage.Ultravox, ultravox.New, ultravox.Refuse},
	}
}
