package container

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/envcat"
)

func dockerRunHealth() *checks.Kind {
	return &checks.Kind{ //nolint:gosec // words about variables, and none of their values
		Name: "docker.run_health", Title: "A container of the image becomes healthy",
		Passes: "it answers 2xx through its published port in time, and the image's own HEALTHCHECK, if there is one, says healthy",
		Why:    "That an image builds says nothing about whether it starts: the file that is missing, the user who may not write and the port of another are found here.",
		Fix:    "look into the output of the container", Source: "Docker Engine API",
		Saves: "milliseconds until healthy, answer, user, ports, exit code, output", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedRepo, checks.NeedEngine}, Cost: checks.Executes, Timeout: 20 * time.Minute,
		Params: []checks.Param{
			{Name: "image", Type: checks.Text, Doc: "image that is run; without it the repository's own is built"},
			{Name: "port", Type: checks.Whole, Default: 0, Doc: "port inside; 0 is the one of EXPOSE, else 8000"},
			{Name: "path", Type: checks.Text, Doc: "path of the health check; without it /health, /healthz and / are tried"},
			{Name: "dialect", Type: checks.Text, Default: "auto", OneOf: []string{"auto", "pipecat", "phone", "audio", "bare"}, Doc: "what the answer looks like: bare is any 2xx, auto takes what comes, the others are JSON with a status"},
			{Name: "within", Type: checks.Duration, Default: "60s", Doc: "it is healthy after at most this"},
			{Name: "env_file", Type: checks.Text, Doc: "the variables must be given: those of the scope are handed in"},
			{Name: "assert", Type: checks.Text, OneOf: []string{"config-ok"}, Doc: "config-ok: no variable of the image is a secret, and the answer does not complain about the configuration"},
		},
		Look: lookHealth,
	}
}

func lookHealth(ctx context.Context, scope *checks.Scope, with checks.Values) (obs checks.Observation, err error) {
	if publishedOn(scope.Engine) == "" {
		return checks.Skipped("the engine is on another machine, where a published port cannot be reached", checks.Fix{Text: "use an engine on this machine"}), nil
	}
	if with.Text("env_file") != "" && len(scope.Env) == 0 {
		return checks.Skipped("no variables were given to run the container with", checks.Fix{Text: "give the env file", Commands: []string{"voicectl check --env-file " + with.Text("env_file")}}), nil
	}
	c, err := open(ctx, scope)
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { _ = c.Close() }()
	id, fault, err := image(ctx, scope, c, with.Text("image"))
	if err != nil {
		return checks.Observation{}, err
	}
	if fault != nil {
		return *fault, nil
	}
	r, err := start(ctx, scope, c, id, with.Whole("port"))
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { err = errors.Join(err, r.remove(ctx)) }()
	saw := map[string]any{"image": id, "port": r.port.Num()}
	problems, err := r.healthy(ctx, scope, with, saw)
	if err != nil {
		return checks.Observation{}, err
	}
	more, err := baked(ctx, c, id, saw, with.Text("assert") == "config-ok")
	if err != nil {
		return checks.Observation{}, err
	}
	problems = append(problems, more...)
	log, err := r.log(ctx)
	if err != nil {
		return checks.Observation{}, err
	}
	obs = checks.Passed(saw)
	if len(problems) > 0 {
		saw["said"] = tail(log)
		obs = checks.Failed(saw, fmt.Sprintf("healthy within %v", with.Duration("within")),
			checks.Fix{Text: "look into its output; it must listen on 0.0.0.0 and on the port that is exposed", Commands: []string{"docker run --rm -P " + imageName(scope)}}, problems...)
	}
	obs.Evidence, err = scope.Keep("docker-run.log", log)
	return obs, err
}

func tail(log []byte) string {
	const most = 2000
	if len(log) > most {
		log = log[len(log)-most:]
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(log)), "\uFFFD")
}

// healthy polls until the container answers, ended, or the time is over.
func (r *running) healthy(ctx context.Context, scope *checks.Scope, with checks.Values, saw map[string]any) ([]checks.Problem, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	web := &http.Client{Transport: transport, Timeout: 3 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer transport.CloseIdleConnections()
	begin := time.Now()
	late := time.NewTimer(with.Duration("within"))
	defer late.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var why string
	for {
		st, err := r.state(ctx)
		if err != nil {
			return nil, err
		}
		if !st.Running {
			saw["exit"], saw["out_of_memory"] = st.ExitCode, st.OOMKilled
			return []checks.Problem{{Text: fmt.Sprintf("the container ended with exit code %d after %v", st.ExitCode, time.Since(begin).Round(100*time.Millisecond))}}, nil
		}
		own := ""
		if st.Health != nil {
			own = string(st.Health.Status)
			saw["healthcheck"] = own
		}
		if own == "unhealthy" {
			return []checks.Problem{{Text: "the image's own HEALTHCHECK says unhealthy"}}, nil
		}
		resp, reason := r.ask(ctx, web, scope, with)
		if resp != nil {
			saw["answer"] = resp.Facts()
		}
		switch why = reason; {
		case reason != "":
		case own == "starting":
			why = "the image's own HEALTHCHECK is still starting"
		default:
			saw["healthy_ms"], saw["path"] = time.Since(begin).Milliseconds(), resp.URL.Path
			return configured(resp, with), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late.C:
			return []checks.Problem{{Text: fmt.Sprintf("not healthy through the published port %d within %v: %s", r.port.Num(), with.Duration("within"), why)}}, nil
		case <-tick.C:
		}
	}
}

// ask asks for health, and says why the answer is not one.
func (r *running) ask(ctx context.Context, web *http.Client, scope *checks.Scope, with checks.Values) (*probe.Response, string) {
	if r.address == "" {
		return nil, "the port is not published"
	}
	paths := []string{"/health", "/healthz", "/"}
	if p := with.Text("path"); p != "" {
		paths = []string{p}
	}
	var last *probe.Response
	why := "nothing listens"
	for _, p := range paths {
		resp, err := probe.Do(ctx, web, scope.Clock, probe.Request{URL: "http://" + r.address + p})
		if err != nil {
			return last, err.Error()
		}
		last = resp
		if resp.Status/100 != 2 {
			why = fmt.Sprintf("%s answers %d", p, resp.Status)
			if resp.Status == http.StatusNotFound {
				continue
			}
			return resp, why
		}
		switch with.Text("dialect") {
		case "auto", "bare":
		default:
			var doc map[string]any
			if err := resp.JSON(&doc); err != nil || doc["status"] == nil {
				return resp, p + " answers without a status in JSON"
			}
		}
		return resp, ""
	}
	return last, why
}

// configured looks at what the answer says about the configuration.
func configured(resp *probe.Response, with checks.Values) []checks.Problem {
	if with.Text("assert") != "config-ok" {
		return nil
	}
	var doc map[string]any
	if resp.JSON(&doc) != nil {
		return nil
	}
	var out []checks.Problem
	for _, key := range []string{"config", "configured", "configuration", "env", "environment_ok"} {
		switch v := doc[key].(type) {
		case bool:
			if !v {
				out = append(out, checks.Problem{Text: fmt.Sprintf("the answer says %s: false", key)})
			}
		case string:
			if strings.Contains(strings.ToLower(v), "missing") || strings.Contains(strings.ToLower(v), "error") || strings.Contains(strings.ToLower(v), "invalid") {
				out = append(out, checks.Problem{Text: fmt.Sprintf("the answer says %s: %s", key, v)})
			}
		}
	}
	return out
}

// baked tells which variables of the image itself are secrets with a value, and who it runs as.
func baked(ctx context.Context, c *client.Client, id string, saw map[string]any, judge bool) ([]checks.Problem, error) {
	img, err := c.ImageInspect(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("look at the image: %w", err)
	}
	if img.Config == nil {
		return nil, nil
	}
	user := img.Config.User
	if user == "" {
		user = "root"
	}
	saw["user"] = user
	var out []checks.Problem
	for _, e := range img.Config.Env {
		if name, value, _ := strings.Cut(e, "="); judge && value != "" && envcat.LooksSecret(name) {
			out = append(out, checks.Problem{Text: name + " has a value in the image itself"})
		}
	}
	return out, nil
}
