package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/ws"
)

// clientReady opens the talk of a stock web client. Source: the RTVI standard.
const clientReady = `{"label":"rtvi-ai","type":"client-ready","id":"voicectl","data":{"version":"1.0.0","about":{"library":"voicectl"}}}`

func socket() *checks.Kind {
	return &checks.Kind{
		Name: "ws.connect", Title: "A WebSocket opens and stays",
		Passes: "101 in time, the expected message comes, and nothing closes it before its time",
		Why:    "A proxy that does not let upgrades through, or cuts them after a minute, looks healthy to every other check.",
		Fix:    "let the proxy pass Upgrade and Connection, and give it a long read timeout", Source: "RFC 6455",
		Saves: "milliseconds to the upgrade, messages in, close code", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedTarget}, Timeout: 90 * time.Second,
		Params: []checks.Param{
			{Name: "path", Type: checks.Text, Default: "/ws", Doc: "the route"},
			{Name: "scheme", Type: checks.Text, OneOf: []string{"ws", "wss"}, Doc: "wss: only with TLS"},
			{Name: "codec", Type: checks.Text, Default: "auto", OneOf: []string{"auto", "raw", "json", "pipecat-protobuf"}, Doc: "json: messages are text; pipecat-protobuf: binary"},
			{Name: "origin", Type: checks.Text, Doc: "the page that asks; frontend: the first origin of the scope"},
			{Name: "send", Type: checks.Text, Doc: "a text to send; client-ready: what a web client says first"},
			{Name: "expect", Type: checks.Text, OneOf: []string{"message"}, Doc: "message: something must come"},
			{Name: "hold_s", Type: checks.Number, Default: 0, Doc: "seconds for which it must stay open"},
			{Name: "close", Type: checks.List, Default: []string{"1000", "1001"}, Doc: "close codes that are good after hold_s"},
			{Name: "max_ms", Type: checks.Number, Default: 2000, Doc: "milliseconds to the upgrade, and to the message"},
			{Name: "leaves", Type: checks.Switch, Default: false, Doc: "once it is closed, /health must count no more sessions than before; without the route the check does not apply"},
		},
		Look: lookSocket,
	}
}

// dialSocket opens a socket of the target. A refusal is its status and no error.
func dialSocket(ctx context.Context, scope *checks.Scope, path string, header http.Header, limit time.Duration) (c *ws.Conn, status int, err error) {
	u, err := url.Parse(at(scope, path))
	if err != nil {
		return nil, 0, fmt.Errorf("the path %q: %w", path, err)
	}
	c, err = probe.Socket(ctx, scope.HTTP, u, header, limit)
	var refused *ws.HandshakeError
	if errors.As(err, &refused) {
		return nil, refused.Status, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return c, http.StatusSwitchingProtocols, nil
}

// dialPatient is dialSocket for those who do not look at limits.
func dialPatient(ctx context.Context, scope *checks.Scope, path string, header http.Header) (c *ws.Conn, status int, err error) {
	for try := 1; ; try++ {
		c, status, err = dialSocket(ctx, scope, path, header, 5*time.Second)
		if err != nil || status != http.StatusTooManyRequests || try == patience || !pause(ctx, scope.Clock, time.Second) {
			return c, status, err
		}
	}
}

func lookSocket(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	if with.Text("scheme") == "wss" && !encrypted(scope) {
		return noTLS(scope), nil
	}
	header := bearer(scope.Token)
	switch origin := with.Text("origin"); {
	case origin == "frontend" && len(scope.Origins) == 0:
		return checks.Skipped("the origin of the frontend is not known", checks.Fix{Text: "give it", Commands: []string{"voicectl check --origin https://app.example.com"}}), nil
	case origin == "frontend":
		header.Set("Origin", scope.Origins[0])
	case origin != "":
		header.Set("Origin", origin)
	}
	before := -1
	if with.Switch("leaves") {
		var err error
		if before, err = talks(ctx, scope); err != nil {
			return checks.Observation{}, err
		}
	}
	limit := time.Duration(with.Number("max_ms")) * time.Millisecond
	start := scope.Clock.Now()
	c, status, err := dialSocket(ctx, scope, with.Text("path"), header, max(4*limit, time.Second))
	took := scope.Clock.Now().Sub(start)
	saw := map[string]any{"status": status, "ms": millis(took), "path": with.Text("path")}
	wanted := fmt.Sprintf("101 within %v", limit)
	fix := checks.Fix{Commands: []string{"voicectl call " + strings.Replace(at(scope, with.Text("path")), "http", "ws", 1)}}
	switch {
	case err != nil && !broke(err):
		return checks.Observation{}, err
	case err != nil:
		saw["error"] = err.Error()
		return checks.Failed(saw, wanted, fix, problemf("the upgrade: %v", err)), nil
	case status == http.StatusUnauthorized && scope.Token == "":
		return checks.Unclear(saw, "the socket wants a token", checks.Fix{Text: "set VOICECTL_TOKEN to a test token of the target"}), nil
	case missing(status) && with.Switch("leaves"):
		return checks.DoesNotApply("the backend opens no socket at " + with.Text("path")), nil
	case c == nil:
		return checks.Failed(saw, wanted, fix, problemf("answers %d to the upgrade", status)), nil
	}
	defer func() { _ = c.Close(ws.CloseNormal, "looked") }()
	if took > limit {
		return checks.Failed(saw, wanted, fix, problemf("the upgrade took %.0f ms", millis(took))), nil
	}
	obs, err := converse(ctx, scope, with, c, saw, fix)
	if err != nil || obs.State != checks.Pass || !with.Switch("leaves") {
		return obs, err
	}
	return left(ctx, scope, c, before, saw)
}

// converse sends what is to be sent, waits for the message and holds the socket.
func converse(ctx context.Context, scope *checks.Scope, with checks.Values, c *ws.Conn, saw map[string]any, fix checks.Fix) (checks.Observation, error) {
	text := with.Text("send")
	if text == "client-ready" {
		text = clientReady
	}
	if text != "" {
		if err := c.Write(ws.Text, []byte(text)); err != nil {
			return checks.Failed(saw, "a socket that takes messages", fix, problemf("the first message: %v", err)), nil
		}
	}
	hold := time.Duration(with.Number("hold_s") * float64(time.Second))
	if with.Text("expect") == "message" {
		hold = max(hold, time.Duration(with.Number("max_ms"))*time.Millisecond)
	}
	if hold == 0 {
		return checks.Passed(saw), nil
	}
	end := time.Now().Add(hold) // deadlines of sockets know no other clock
	if err := c.SetReadDeadline(end); err != nil {
		return checks.Observation{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Drop() })
	defer stop()
	messages, binary := 0, 0
	for {
		kind, _, err := c.Read(nil)
		if err == nil {
			messages++
			if kind == ws.Binary {
				binary++
			}
			if with.Number("hold_s") == 0 {
				break
			}
			continue
		}
		if ctx.Err() != nil {
			return checks.Observation{}, ctx.Err()
		}
		if code := ws.CloseCode(err); code != 0 {
			saw["close"] = code
			if !slices.Contains(with.List("close"), strconv.Itoa(code)) || with.Text("expect") == "" {
				return checks.Failed(saw, fmt.Sprintf("open for %v", hold), fix, problemf("closed with %d %.60q before its time", code, ws.CloseReason(err))), nil
			}
		}
		break
	}
	saw["messages"], saw["binary"] = messages, binary
	wrong := with.Text("codec") == "json" && binary > 0 || with.Text("codec") == "pipecat-protobuf" && messages > binary
	switch {
	case with.Text("expect") == "message" && messages == 0:
		return checks.Failed(saw, "a message", fix, problemf("nothing came within %v", hold)), nil
	case wrong:
		return checks.Failed(saw, "messages as "+with.Text("codec"), fix, problemf("%d of %d messages are binary", binary, messages)), nil
	}
	return checks.Passed(saw), nil
}
