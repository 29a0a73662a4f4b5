package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/vendor"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/envcat"
)

// scopeOptions say what is given to be judged.
type scopeOptions struct {
	target, profile, stage, repo, envFile string
	compare                               []string
	logs                                  []string
	metrics, caFile                       string
	origins                               []string
	host                                  bool
	sandbox, start                        string
}

func (o *scopeOptions) add(fs *pflag.FlagSet) {
	fs.StringVar(&o.target, "target", "", "`URL` of the backend; the same as the argument")
	fs.StringVar(&o.profile, "profile", "any", "`PROFILE` of the backend: julia, phone, audio or any")
	fs.StringVar(&o.stage, "stage", "", "`STAGE` that is judged: development, staging or production (default ENVIRONMENT)")
	fs.StringVar(&o.repo, "repo", "", "`FOLDER` with the sources (default the one you are in, when no URL is given)")
	fs.StringSliceVar(&o.compare, "compare", nil, "`NAME=FILE` of an environment to compare: staging=.env.staging; may repeat")
	fs.StringSliceVar(&o.logs, "logs", nil, "`SOURCE` of log lines: a file, docker://CONTAINER; may repeat")
	fs.StringVar(&o.metrics, "metrics-url", "", "`URL` with metrics in Prometheus' format")
	fs.StringVar(&o.caFile, "ca-file", "", "`FILE` with certificate authorities to trust beside the system's")
	fs.StringSliceVar(&o.origins, "origin", nil, "`ORIGIN` of a web page that the backend should accept; may repeat")
	fs.StringVar(&o.sandbox, "sandbox-url", "", "`URL` of a sandbox that stands for the backend's vendors: its faults are used")
	fs.StringVar(&o.start, "start-cmd", "", "`COMMAND` that starts the backend in its folder (with --allow-exec)")
	fs.BoolVar(&o.host, "host-checks", false, "look at this machine's processor, memory and disk as well")
}

// bare tells whether a URL is all that was given: then it is judged as a stranger would.
func (o *scopeOptions) bare() bool {
	return o.target != "" && o.profile == "any" && o.repo == "" && o.envFile == "" && len(o.logs) == 0 && o.metrics == "" && o.start == ""
}

// checkScope builds the scope from what was given. The process is read here and nowhere else.
func (p *Proc) checkScope(o *scopeOptions, lists []checks.Checklist, consent checks.Consent, strict bool, salt string) (*checks.Scope, error) {
	s := &checks.Scope{
		Profile: o.profile, Stage: o.stage, Consent: consent, Strict: strict, Clock: p.Clock, Host: o.host,
		Origins: o.origins, Token: p.Getenv("VOICECTL_TOKEN"), Names: map[string]string{}, EnvFiles: map[string]checks.Env{},
	}
	for _, l := range lists {
		for _, ov := range l.Overlays {
			maps.Copy(s.Names, ov.Names)
		}
	}
	switch o.profile {
	case "julia", "phone", "audio", "any":
	default:
		return nil, usageErrorf("--profile is julia, phone, audio or any, got %q", o.profile)
	}
	if err := p.scopeURLs(o, s); err != nil {
		return nil, err
	}
	if err := p.scopeRepo(o, s); err != nil {
		return nil, err
	}
	if err := p.scopeEnv(o, s); err != nil {
		return nil, err
	}
	if s.Stage == "" {
		s.Stage = s.Env.Value("ENVIRONMENT")
	}
	if s.Stage == "" {
		s.Stage = "development"
	}
	for _, l := range o.logs {
		kind, at, scheme := strings.Cut(l, "://")
		if !scheme {
			kind, at = "file", p.path(l)
		}
		s.Logs = append(s.Logs, checks.LogSource{Kind: kind, At: at})
	}
	s.Start = strings.Fields(o.start)
	s.Engine = p.Getenv("DOCKER_HOST")
	if _, err := os.Stat("/var/run/docker.sock"); s.Engine == "" && err == nil {
		s.Engine = "unix:///var/run/docker.sock"
	}
	roots, err := p.roots(o.caFile)
	if err != nil {
		return nil, err
	}
	s.HTTP = probe.NewClient(probe.ClientOptions{Roots: roots, Proxy: true})
	s.Guarded = probe.NewClient(probe.ClientOptions{Roots: roots, Guarded: true})
	s.Mask = checks.NewMask(salt, secretsOf(s))
	return s, nil
}

func (p *Proc) scopeURLs(o *scopeOptions, s *checks.Scope) error {
	for _, u := range []struct {
		text string
		to   **url.URL
		what string
	}{{o.target, &s.Target, "the target"}, {o.metrics, &s.Metrics, "--metrics-url"}, {o.sandbox, &s.Sandbox, "--sandbox-url"}} {
		if u.text == "" {
			continue
		}
		parsed, err := url.Parse(u.text)
		if err != nil || parsed.Host == "" {
			return usageErrorf("%s %q is no URL", u.what, u.text)
		}
		switch parsed.Scheme {
		case "http", "https":
		case "ws", "wss":
			parsed.Scheme = strings.Replace(parsed.Scheme, "ws", "http", 1)
		default:
			return usageErrorf("%s: the scheme %q is not http, https, ws or wss", u.what, parsed.Scheme)
		}
		parsed.Fragment = ""
		*u.to = parsed
	}
	return nil
}

func (p *Proc) scopeRepo(o *scopeOptions, s *checks.Scope) error {
	dir := o.repo
	if dir == "" {
		if o.target != "" {
			return nil
		}
		dir = "."
	}
	dir = p.path(dir)
	info, err := os.Stat(dir)
	if err != nil {
		return badFile(fmt.Errorf("--repo: %w", err))
	}
	if !info.IsDir() {
		return badFile(fmt.Errorf("--repo: %s is no folder", o.repo))
	}
	s.Repo = dir
	for up := dir; ; up = filepath.Dir(up) {
		if _, err := os.Stat(filepath.Join(up, ".git")); err == nil {
			s.Git = true
			return nil
		}
		if up == filepath.Dir(up) {
			return nil
		}
	}
}

// scopeEnv takes the env file, and from the process what the catalogue or the file names.
func (p *Proc) scopeEnv(o *scopeOptions, s *checks.Scope) error {
	file, required := o.envFile, o.envFile != ""
	if !required && s.Repo != "" {
		file = filepath.Join(s.Repo, ".env")
	}
	env := checks.Env{}
	if file != "" {
		read, err := readEnv(p.path(file), filepath.Base(file))
		if err != nil && (required || !errors.Is(err, fs.ErrNotExist)) {
			return badFile(fmt.Errorf("env file: %w", err))
		}
		env = read
	}
	given := len(env) > 0 || required
	catalogue, err := envcat.Load()
	if err != nil {
		return err
	}
	names := append(catalogue.Names(), vendor.Variables()...)
	for name := range env {
		names = append(names, name)
	}
	for _, name := range names {
		if v := p.Getenv(name); v != "" {
			env[name] = checks.Variable{Value: v, Source: "process"}
			given = true
		}
	}
	if given {
		s.Env = env
	}
	if s.Repo != "" {
		if err := p.namedEnvs(s); err != nil {
			return err
		}
	}
	for _, pair := range o.compare {
		name, path, ok := strings.Cut(pair, "=")
		if !ok {
			return usageErrorf("--compare is NAME=FILE, got %q", pair)
		}
		read, err := readEnv(p.path(path), path)
		if err != nil {
			return badFile(fmt.Errorf("--compare %s: %w", name, err))
		}
		s.EnvFiles[name] = read
	}
	return nil
}

// namedEnvs takes .env.staging and its like, which lie in the repository, by their names.
func (p *Proc) namedEnvs(s *checks.Scope) error {
	files, err := filepath.Glob(filepath.Join(s.Repo, ".env.*"))
	if err != nil {
		return fmt.Errorf("find env files: %w", err)
	}
	for _, path := range files {
		name := strings.TrimPrefix(filepath.Base(path), ".env.")
		switch name {
		case "example", "sample", "template", "dist":
			continue
		}
		if env, err := readEnv(path, filepath.Base(path)); err == nil { // one that cannot be read is told by the check that needs it
			s.EnvFiles[name] = env
		}
	}
	return nil
}

// readEnv reads an env file; each variable remembers its line.
func readEnv(path, name string) (checks.Env, error) {
	values, err := config.ReadEnvFile(path, name)
	if err != nil {
		return checks.Env{}, err
	}
	env := checks.Env{}
	for k, v := range values {
		env[k] = checks.Variable{Value: v.Value, Source: v.At}
	}
	return env, nil
}

func (p *Proc) roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(p.path(file))
	if err != nil {
		return nil, badFile(fmt.Errorf("--ca-file: %w", err))
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, badFile(fmt.Errorf("--ca-file: no certificate in %s", file))
	}
	return pool, nil
}

// secretsOf are the values that no output may show: those whose name says so, of every environment.
func secretsOf(s *checks.Scope) map[string]string {
	out := map[string]string{}
	if s.Token != "" {
		out["VOICECTL_TOKEN"] = s.Token
	}
	if s.Target != nil {
		if pass, has := s.Target.User.Password(); has {
			out["password in the URL"] = pass
		}
	}
	add := func(prefix string, env checks.Env) {
		for name, v := range env {
			if envcat.LooksSecret(name) {
				out[prefix+name] = v.Value
			}
		}
	}
	for name, env := range s.EnvFiles {
		add(name+" ", env)
	}
	add("", s.Env)
	return out
}

// endpointClass tells a live backend from one whose vendors are emulated: what is proved on a sandbox is no
// proof for production.
func (p *Proc) endpointClass(ctx context.Context, s *checks.Scope) string {
	if s.Target == nil {
		return "live"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	resp, err := probe.Do(ctx, s.HTTP, s.Clock, probe.Request{Method: http.MethodGet, URL: s.Target.JoinPath("health").String()})
	if err != nil {
		return "live"
	}
	switch class := resp.Header.Get("X-Voicectl-Endpoint"); class {
	case "sandbox-fast", "sandbox-realistic":
		return class
	}
	return "live"
}
