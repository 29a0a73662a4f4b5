package ultravox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
)

const (
	maxSound = 8 << 20 // bytes of one piece of sound
	maxParts = 64
)

var (
	errContent = errors.New("content is neither a text nor a list of parts")
	errSound   = errors.New("the sound is no WAV file that can be read")
	errFetch   = errors.New("the sandbox fetches nothing: give sound as data:audio/wav;base64,…")
)

// part is one piece of a message.
type part struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Audio struct {
		Data   string `json:"data"`
		Format string `json:"format"`
	} `json:"input_audio"`
	Link struct {
		URL string `json:"url"`
	} `json:"audio_url"`
}

// read returns what a message says, sound heard, and how many pieces of sound it holds.
func read(content json.RawMessage) (text string, sounds int, err error) {
	if len(content) == 0 || string(content) == "null" || json.Unmarshal(content, &text) == nil {
		return text, 0, nil
	}
	var parts []part
	if json.Unmarshal(content, &parts) != nil || len(parts) > maxParts {
		return "", 0, errContent
	}
	var said []string
	for _, p := range parts {
		switch p.Type {
		case "text":
			said = append(said, p.Text)
		case "input_audio":
			if p.Audio.Format != "wav" {
				return "", 0, errSound
			}
			heard, err := hear(p.Audio.Data)
			if err != nil {
				return "", 0, err
			}
			said, sounds = append(said, heard), sounds+1
		case "audio_url":
			data, ok := strings.CutPrefix(p.Link.URL, "data:audio/wav;base64,")
			if !ok {
				return "", 0, errFetch
			}
			heard, err := hear(data)
			if err != nil {
				return "", 0, err
			}
			said, sounds = append(said, heard), sounds+1
		default:
			return "", 0, errContent
		}
	}
	// What is said aloud is what is asked: the text beside it is an instruction.
	return strings.TrimSpace(strings.Join(said, "\n")), sounds, nil
}

// hear reads the text that a WAV file carries as tones; all other sound is silence.
func hear(data string) (string, error) {
	if base64.StdEncoding.DecodedLen(len(data)) > maxSound {
		return "", errSound
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return "", errSound
	}
	wav, err := media.ReadWAV(bytes.NewReader(raw), maxSound)
	if err != nil {
		return "", errSound
	}
	samples := wav.Samples
	if wav.Channels == 2 {
		mono := make([]int16, 0, len(samples)/2)
		for i := 0; i+1 < len(samples); i += 2 {
			mono = append(mono, int16((int(samples[i])+int(samples[i+1]))/2))
		}
		samples = mono
	}
	d := tonecode.NewDecoder(wav.Rate)
	var heard []string
	for _, e := range append(d.Write(samples), d.Flush()...) {
		if e.Kind == tonecode.Message {
			heard = append(heard, e.Text)
		}
	}
	return strings.Join(heard, " "), nil
}
