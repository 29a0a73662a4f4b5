package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// control asks the control routes of a running sandbox.
type control struct {
	proc *Proc
	url  string
}

func (c *control) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.url, "url", "http://"+defaultSandboxAddr, "`URL` of the sandbox")
}

// ask sends one request and prints its JSON, indented.
func (c *control) ask(ctx context.Context, method, path string, body any) error {
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.url, "/")+path, payload)
	if err != nil {
		return usageErrorf("--url: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return failed(fmt.Errorf("ask the sandbox: %w", err), "start it with `voicectl sandbox`, or name it with --url")
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return failed(fmt.Errorf("ask the sandbox: %w", err))
	}
	if resp.StatusCode >= 300 {
		var p struct{ Error, Details string }
		if json.Unmarshal(raw, &p) != nil || p.Error == "" {
			p.Error = resp.Status
		}
		return failed(fmt.Errorf("sandbox: %s", p.Error), p.Details)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return failed(fmt.Errorf("ask the sandbox: answer is not JSON: %w", err), "is --url the sandbox's address?")
	}
	_, err = fmt.Fprintln(c.proc.UI.Out, strings.TrimSpace(out.String()))
	return err
}
