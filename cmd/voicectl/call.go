package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/trace"
)

// CallOptions are the options of `voicectl call`.
type CallOptions struct {
	proc    *Proc
	url     string
	say     []string
	typed   []string
	record  string
	trace   string
	voice   string
	timeout time.Duration
	settle  time.Duration
	output  *outputs
}

func newCmdCall(p *Proc, runF func(context.Context, *CallOptions) error) *cobra.Command {
	o := &CallOptions{proc: p}
	c := &cobra.Command{
		Use:   "call URL",
		Short: "Call a voice agent and hear what it answers",
		Long: `Call a voice agent as the phone network or a browser does, say something, and hear what it answers.

URL …/twilio/voice (or any other webhook) is a phone call: signed webhook, TwiML, media stream.
URL ws://…/ws, …/start or a bare host is a browser call: RTVI.

--say takes a text, or a WAV file. A text is spoken as tonecode, sound that carries the words to the sandbox's
recognizer, or by the vendor's voice (--voice vendor, needs CARTESIA_API_KEY).

Exit codes: 0 an answer was heard, 1 none was, 3 something was heard that could not be understood.`,
		Example: `voicectl call http://127.0.0.1:8000/twilio/voice --say "What transactions does client 5001 have?"
voicectl call http://127.0.0.1:8000 --say "Hello" --record out.wav --trace out.jsonl
voicectl call https://voice.example.com/twilio/voice --say question.wav -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.url = args[0]
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runCall(cmd.Context(), o)
		},
	}
	fs := c.Flags()
	fs.StringArrayVar(&o.say, "say", nil, "`TEXT|FILE.wav` to say; may repeat, one turn each")
	fs.StringArrayVar(&o.typed, "type", nil, "`TEXT` to type after what was said (browser calls); may repeat")
	fs.StringVar(&o.record, "record", "", "write the call as stereo WAV to `FILE`: left caller, right agent")
	fs.StringVar(&o.trace, "trace", "", "write the events of both sides to `FILE`, a line of JSON each")
	fs.StringVar(&o.voice, "voice", "auto", "`VOICE` of a text: auto, tonecode or vendor")
	fs.DurationVar(&o.timeout, "timeout", 15*time.Second, "longest wait for an answer to begin")
	fs.DurationVar(&o.settle, "settle", 1200*time.Millisecond, "silence that ends an answer")
	o.output = addOutputFlag(c, "text", "json")
	return c
}

func runCall(ctx context.Context, o *CallOptions) (err error) {
	p := o.proc
	target, err := callTarget(o.url)
	if err != nil {
		return err
	}
	lines, err := o.utterances(ctx)
	if err != nil {
		return err
	}
	call := &placedCall{o: o, proc: p, target: target}
	if o.record != "" {
		f, ferr := os.Create(p.path(o.record))
		if ferr != nil {
			return badFile(fmt.Errorf("call: record: %w", ferr), "check that the folder exists and can be written to")
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		call.sound = f
	}
	result, err := call.run(ctx, lines)
	if err != nil {
		return err
	}
	if o.trace != "" {
		if werr := writeFile(p.path(o.trace), func(w io.Writer) error { return writeTrace(w, call.events) }); werr != nil {
			return badFile(fmt.Errorf("call: trace: %w", werr))
		}
	}
	if werr := o.output.write(p, map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return p.callText(w, result, call.events) },
		"json": func(w io.Writer) error { return writeJSON(w, result) },
	}); werr != nil {
		return werr
	}
	return result.verdict()
}

// target is what a URL means.
type target struct {
	url   *url.URL
	phone bool
}

func callTarget(raw string) (target, error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return target{}, usageErrorf("%q is no URL; write http://HOST:PORT/twilio/voice or http://HOST:PORT", raw)
	}
	path := strings.TrimRight(u.Path, "/")
	switch {
	case u.Scheme == "ws" || u.Scheme == "wss":
		return target{url: u}, nil
	case u.Scheme != "http" && u.Scheme != "https":
		return target{}, usageErrorf("scheme %q cannot be called; write http, https, ws or wss", u.Scheme)
	case path == "" || strings.HasSuffix(path, "/start") || strings.HasSuffix(path, "/connect"):
		return target{url: u}, nil
	}
	return target{url: u, phone: true}, nil
}

// utterance is one thing to say.
type utterance struct {
	text    string // "" when a file is played
	typed   bool
	samples []int16
	rate    int
}

const maxWAV = 64 << 20

func (o *CallOptions) utterances(ctx context.Context) ([]utterance, error) {
	var out []utterance
	for _, s := range o.say {
		if strings.HasSuffix(strings.ToLower(s), ".wav") {
			f, err := os.Open(o.proc.path(s))
			if err != nil {
				return nil, badFile(fmt.Errorf("call: --say: %w", err), "name a WAV file, or give the text itself")
			}
			wav, err := media.ReadWAV(f, maxWAV)
			_ = f.Close() // it was only read
			if err != nil {
				return nil, badFile(fmt.Errorf("call: --say %s: %w", s, err))
			}
			out = append(out, utterance{samples: monoOf(wav), rate: wav.Rate})
			continue
		}
		u, err := o.speak(ctx, s)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	for _, s := range o.typed {
		out = append(out, utterance{text: s, typed: true})
	}
	return out, nil
}

func (o *CallOptions) speak(ctx context.Context, text string) (utterance, error) {
	switch o.voice {
	case "auto", "tonecode":
		return utterance{text: text, samples: tonecode.Encode(text, 16000), rate: 16000}, nil
	case "vendor":
		key := o.proc.Getenv("CARTESIA_API_KEY")
		if key == "" {
			return utterance{}, refused(errors.New("call: --voice vendor needs CARTESIA_API_KEY"), "set it, or leave --voice out")
		}
		voice := o.proc.Getenv("CARTESIA_VOICE_ID")
		if voice == "" {
			voice = defaultVoice
		}
		c := cartesia.New(cartesia.Options{BaseURL: o.proc.Getenv("CARTESIA_BASE_URL"), Key: secret.New(key), Voice: voice})
		defer func() { _ = c.Close(ctx) }()
		raw, err := c.Bytes(ctx, text, media.BrowserOut)
		if err != nil {
			return utterance{}, failed(fmt.Errorf("call: speak: %w", err))
		}
		return utterance{text: text, samples: media.DecodePCM16(nil, raw), rate: media.BrowserOut.Rate}, nil
	}
	return utterance{}, usageErrorf("--voice is auto, tonecode or vendor, not %q", o.voice)
}

// defaultVoice is the voice of the configuration's default.
const defaultVoice = "71a7ad14-091c-4e8e-a314-022ece01c121"

func monoOf(w media.WAV) []int16 {
	if w.Channels == 1 {
		return w.Samples
	}
	out := make([]int16, len(w.Samples)/w.Channels)
	for i := range out {
		sum := 0
		for c := range w.Channels {
			sum += int(w.Samples[i*w.Channels+c])
		}
		out[i] = int16(sum / w.Channels)
	}
	return out
}

func writeTrace(w io.Writer, events []trace.Event) error {
	t := trace.NewWriter(w, trace.WriterOptions{})
	for _, e := range events {
		t.Emit(e)
	}
	return t.Err()
}
