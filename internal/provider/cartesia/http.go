package cartesia

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/voicectl/voicectl/internal/media"
)

const (
	maxBytes     = 32 << 20 // of one answer: six minutes of 44.1 kHz PCM16
	maxErrorBody = 16 << 10
	maxPages     = 50
)

// Bytes speaks text as a whole and returns its raw sound in format. It suits what is said often: a
// greeting is made once and kept.
func (c *Client) Bytes(ctx context.Context, text string, format media.Format) ([]byte, error) {
	out, err := c.usable("bytes", format)
	if err != nil {
		return nil, err
	}
	body := encode(Speak{
		ModelID: c.o.Model, Transcript: text, Voice: VoiceRef{Mode: "id", ID: c.o.Voice}, OutputFormat: out, Language: c.o.Language,
	})
	var sound []byte
	err = c.guard.Do(ctx, "bytes", true, func(ctx context.Context) (err error) {
		sound, err = c.request(ctx, http.MethodPost, "/tts/bytes", nil, body)
		return err
	})
	return sound[:len(sound)-len(sound)%format.SampleBytes()], err
}

// Voices lists the vendor's voices, all pages.
func (c *Client) Voices(ctx context.Context) ([]Voice, error) {
	var all []Voice
	after := ""
	for range maxPages {
		page, err := c.voices(ctx, after)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if len(page.Data) == 0 || !page.HasMore || page.Data[len(page.Data)-1].ID == after {
			return all, nil
		}
		after = page.Data[len(page.Data)-1].ID
	}
	return all, nil
}

func (c *Client) voices(ctx context.Context, after string) (VoicePage, error) {
	q := url.Values{"limit": {"100"}}
	if after != "" {
		q.Set("starting_after", after)
	}
	var page VoicePage
	err := c.read200(ctx, "voices", "/voices", q, &page)
	return page, err
}

// Check proves key, endpoint and, when one is set, the voice. It speaks nothing.
func (c *Client) Check(ctx context.Context) error {
	if c.o.Voice == "" {
		var page VoicePage
		return c.read200(ctx, "check", "/voices", url.Values{"limit": {"1"}}, &page)
	}
	var v Voice
	return c.read200(ctx, "check", "/voices/"+url.PathEscape(c.o.Voice), nil, &v)
}

// read200 does a safe read of JSON.
func (c *Client) read200(ctx context.Context, op, path string, q url.Values, into any) error {
	return c.guard.Do(ctx, op, true, func(ctx context.Context) error {
		body, err := c.request(ctx, http.MethodGet, path, q, nil)
		if err != nil {
			return err
		}
		if err = json.Unmarshal(body, into); err != nil {
			return protocolError(fmt.Errorf("answer of %d bytes is not understood: %w", len(body), err))
		}
		return nil
	})
}

func (c *Client) request(ctx context.Context, method, path string, q url.Values, body []byte) ([]byte, error) {
	if c.bad != nil {
		return nil, badOptions(c.bad)
	}
	u := *c.base
	u.Path += path
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, badOptions(err)
	}
	req.Header = c.header()
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		return nil, httpError(resp.StatusCode, resp.Header, said)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(answer) > maxBytes {
		return nil, protocolError(fmt.Errorf("answer is over %d bytes", maxBytes))
	}
	return answer, nil
}
