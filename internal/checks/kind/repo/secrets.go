package repo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/container"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// own are shapes that the library does not know, or knows only beside a telling name.
var own = []struct { //nolint:gochecknoglobals // a table
	rule string
	re   *regexp.Regexp
}{
	{"supabase-secret-key", regexp.MustCompile(`\bsb_secret_[A-Za-z0-9_-]{16,}`)},
	{"supabase-access-token", regexp.MustCompile(`\bsbp_[0-9a-f]{40}\b`)},
	{"url-password", regexp.MustCompile(`\b[a-z][a-z0-9+.-]{2,15}://[^\s/:@"'<>{}$]{1,64}:([^\s/:@"'<>{}$]{6,})@[^\s/@"']+`)},
	{"openai-key", regexp.MustCompile(`\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}`)},
	{"cartesia-key", regexp.MustCompile(`\bsk_car_[A-Za-z0-9_-]{16,}`)},
	{"twilio-token", regexp.MustCompile(`(?i)twilio[a-z_ ]*(?:auth[_ ]?)?token["'\s:=]{1,6}([0-9a-f]{32})\b`)},
}

// jwtShape is a token whose payload may say that it is the key of the service role.
var jwtShape = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}\.(eyJ[A-Za-z0-9_-]{10,})\.[A-Za-z0-9_-]{10,}`)

// ignoredLine marks a line whose finding is a sample and no secret.
const ignoredLine = "voicectl:allow-secret"

func secretsScan() *checks.Kind {
	return &checks.Kind{ //nolint:gosec // words about secrets, none itself
		Name: "secrets.scan", Title: "No secret in sources, history or image",
		Passes: "no key, token or password is found that is not allowed by name",
		Why:    "Bots read public commits within minutes and use what they find. A key in a private repository is one leak away from that.",
		Fix:    "take the secret out, issue a new one, and read it from the environment", Source: "OWASP Secrets Management; gitleaks' rules",
		Saves: "rule, file and line, commit; never the secret", Severity: checks.Block, Needs: []checks.Need{checks.NeedRepo}, Timeout: 2 * time.Minute,
		Params: []checks.Param{
			{Name: "root", Type: checks.Text, Default: ".", Doc: "folder inside the repository"},
			{Name: "history", Type: checks.Switch, Default: false, Doc: "all commits as well"},
			{Name: "bundle", Type: checks.Switch, Default: false, Doc: "what is built for browsers (dist, build, .next, static) as well"},
			{Name: "image_layers", Type: checks.Switch, Default: false, Doc: "the files of the built image instead"},
			{Name: "image", Type: checks.Text, Doc: "name of that image"},
			{Name: "detectors", Type: checks.List, Doc: "only rules whose name holds one of these; service_role looks into tokens"},
			{Name: "allow", Type: checks.List, Doc: "paths (with * and ?) that hold samples"},
		},
		Look: lookSecrets,
	}
}

// detector compiles the library's rules once: it takes 30 ms.
var detector = sync.OnceValues(detect.NewDetectorDefaultConfig) //nolint:gochecknoglobals // compiled once, never changed

func lookSecrets(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	s := &scanner{scope: scope, with: with, seen: map[string]bool{}}
	if with.Switch("image_layers") {
		return s.image(ctx)
	}
	if err := s.files(ctx); err != nil {
		return checks.Observation{}, err
	}
	saw := map[string]any{"files": s.looked, "findings": len(s.problems)}
	if with.Switch("history") {
		if !scope.Git {
			return checks.Skipped("there is no git history to look into", checks.Fix{Text: "run it in a clone"}), nil
		}
		commits, err := s.history(ctx)
		if err != nil {
			return checks.Observation{}, err
		}
		saw["commits"] = commits
		saw["findings"] = len(s.problems)
	}
	return s.judge(saw)
}

// scanner looks for secrets in texts.
type scanner struct {
	scope    *checks.Scope
	with     checks.Values
	looked   int
	cut      bool
	seen     map[string]bool
	problems []checks.Problem
}

const mostFindings = 100

func (s *scanner) judge(saw map[string]any) (checks.Observation, error) {
	wanted := "no secret"
	switch {
	case len(s.problems) > 0:
		return checks.Failed(saw, wanted, checks.Fix{
			Text:     "issue a new key for each, remove it here, read it from the environment; a sample is allowed by `" + ignoredLine + "` on its line",
			Commands: []string{"git log -p --all -S'<part of the key>'"},
		}, s.problems...), nil
	case s.looked == 0:
		return checks.Unclear(saw, "there was nothing to look at", checks.Fix{}), nil
	case s.cut:
		return checks.Unclear(saw, "it is too large to be looked at whole", checks.Fix{}), nil
	}
	return checks.Passed(saw), nil
}

func (s *scanner) files(ctx context.Context) error {
	t, err := tree.Open(path.Join(s.scope.Repo, s.with.Text("root")))
	if err != nil {
		return err
	}
	defer func() { _ = t.Close() }()
	ignored, err := s.untracked(ctx)
	if err != nil {
		return err
	}
	err = t.Files(ctx, func(f tree.File) error {
		if s.allowed(f.Path) || ignored[f.Path] {
			return nil
		}
		body, rerr := t.Read(f.Path)
		if rerr != nil || body == nil {
			return nil //nolint:nilerr // not readable, or not text
		}
		s.text(ctx, string(body), f.Path, "")
		return nil
	})
	s.cut = s.cut || t.Cut
	return err
}

// untracked are the files that git ignores: a local .env is where a key belongs.
func (s *scanner) untracked(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	if !s.scope.Git || s.with.Text("root") != "." {
		return out, nil
	}
	var list string
	if _, err := git(ctx, s.scope.Repo, text(&list), "ls-files", "-z", "--others", "--ignored", "--exclude-standard"); err != nil && !errors.Is(err, errNoGit) {
		return nil, err
	}
	for name := range strings.SplitSeq(list, "\x00") {
		out[name] = true
	}
	return out, nil
}

// lockFiles are full of hashes that look like keys and are none.
var lockFiles = []string{"go.sum", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "uv.lock", "Cargo.lock", "Pipfile.lock", "composer.lock"} //nolint:gochecknoglobals // a table

func (s *scanner) allowed(name string) bool {
	if slices.Contains(lockFiles, path.Base(name)) {
		return true
	}
	return slices.ContainsFunc(s.with.List("allow"), func(p string) bool { return tree.Fits(p, name) })
}

// text looks through one text. commit is "" for the work tree.
func (s *scanner) text(ctx context.Context, body, file, commit string) {
	s.looked++
	lines := strings.Split(body, "\n")
	report := func(rule string, line int, secret string) {
		key := rule + "\x00" + secret + "\x00" + file
		if s.seen[key] || len(s.problems) >= mostFindings || !s.wants(rule) {
			return
		}
		if line-1 < len(lines) && line > 0 && strings.Contains(lines[line-1], ignoredLine) {
			return
		}
		s.seen[key] = true
		p := checks.Problem{Text: fmt.Sprintf("%s, %d characters", rule, len(secret)), File: file, Line: line, Rule: rule}
		if commit != "" {
			p.Text, p.Line = p.Text+", in commit "+commit, 0
		}
		s.problems = append(s.problems, p)
	}
	for _, o := range own {
		for _, m := range o.re.FindAllStringSubmatchIndex(body, 20) {
			from, to := m[0], m[1]
			if len(m) > 2 && m[2] >= 0 {
				from, to = m[2], m[3]
			}
			if sample(body[from:to]) {
				continue
			}
			report(o.rule, 1+strings.Count(body[:m[0]], "\n"), body[from:to])
		}
	}
	for _, m := range jwtShape.FindAllStringSubmatchIndex(body, 20) {
		if role, ok := jwtRole(body[m[2]:m[3]]); ok && role == "service_role" {
			report("service_role-token", 1+strings.Count(body[:m[0]], "\n"), body[m[0]:m[1]])
		}
	}
	d, err := detector()
	if err != nil {
		s.cut = true // without the library's rules nobody may say that it is clean
		return
	}
	for _, f := range d.DetectContext(ctx, detect.Fragment{Raw: body, FilePath: file}) { //nolint:staticcheck // DetectContext takes no other type yet
		if !sample(f.Secret) {
			report(f.RuleID, f.StartLine+1, f.Secret)
		}
	}
}

// wants tells whether a rule is among those asked for.
func (s *scanner) wants(rule string) bool {
	list := s.with.List("detectors")
	if len(list) == 0 {
		return true
	}
	return slices.ContainsFunc(list, func(d string) bool {
		return strings.Contains(rule, d) || d == "service_role" && strings.HasPrefix(rule, "supabase-secret")
	})
}

// sampleText is what documentation and tests write in the place of a secret.
var sampleText = regexp.MustCompile(`(?i)^(?:pass|password|passwd|secret|postgres|admin|user|root|guest)$|example|sample|dummy|placeholder|changeme|change-me|your[-_]|my[-_]?(secret|key|token|password)|xxxx|\.\.\.|\*\*\*|<[a-z_ -]+>|\$\{|\{\{|sentinel|redacted|test[-_]?(key|token|secret)|fake|not[-_]?a[-_]?(real|secret)|abcdef0123456789|0123456789abcdef|1234567890`)

func sample(secret string) bool {
	if sampleText.MatchString(secret) {
		return true
	}
	kinds := map[rune]bool{}
	for _, r := range secret {
		kinds[r] = true
	}
	return len(kinds) < 6
}

// history looks through every line that any commit added.
func (s *scanner) history(ctx context.Context) (int, error) {
	commits := 0
	code, err := git(ctx, s.scope.Repo, func(r io.Reader) error {
		in := bufio.NewReaderSize(r, 1<<20)
		var commit, file string
		var added strings.Builder
		flush := func() {
			if added.Len() > 0 && !s.allowed(file) {
				s.text(ctx, added.String(), file, commit)
			}
			added.Reset()
		}
		defer flush()
		for ctx.Err() == nil {
			line, err := in.ReadString('\n')
			if errors.Is(err, io.EOF) && line == "" {
				return nil
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			switch {
			case strings.HasPrefix(line, "\x01"):
				flush()
				commit, file = strings.TrimSpace(line[1:]), ""
				commits++
			case strings.HasPrefix(line, "+++ "):
				flush()
				file = strings.TrimPrefix(strings.Trim(strings.TrimSpace(line[4:]), `"`), "b/")
			case strings.HasPrefix(line, "+") && added.Len() < tree.MostBytes:
				added.WriteString(line[1:])
			}
		}
		return ctx.Err()
	}, "log", "--all", "-p", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--max-count="+strconv.Itoa(mostCommits), "--format=%x01%h")
	if err != nil && code == 128 {
		return 0, nil // there is no commit yet
	}
	if commits >= mostCommits {
		s.cut = true
	}
	return commits, err
}

const mostCommits = 20_000

// image looks through the files of the built image, those that a later layer hides included, and through its
// configuration and history.
func (s *scanner) image(ctx context.Context) (checks.Observation, error) {
	if s.scope.Engine == "" {
		return checks.Skipped("there is no container engine", checks.Fix{Text: "start one, or set DOCKER_HOST"}), nil
	}
	if !s.scope.Consent.Exec && s.with.Text("image") == "" { // the image is built now, which runs what its file says
		return checks.Observation{State: checks.Elsewhere, Wanted: "needs consent: --allow-exec", Fix: checks.Fix{Commands: []string{"voicectl check docker --allow-exec"}}}, nil
	}
	files := 0
	fault, err := container.Layers(ctx, s.scope, s.with.Text("image"), func(f container.File, r io.Reader) error {
		files++
		if f.Size > tree.MostBytes || s.allowed(f.Path) || systemFile(f.Path) {
			return nil
		}
		body, err := io.ReadAll(io.LimitReader(r, tree.MostBytes))
		if err != nil {
			return err
		}
		if bytes.IndexByte(body[:min(len(body), 8000)], 0) < 0 {
			s.text(ctx, string(body), f.Path, "")
		}
		return nil
	})
	switch {
	case errors.Is(err, container.ErrTooLarge):
		s.cut = true
	case err != nil:
		return checks.Observation{}, err
	case fault != nil:
		return *fault, nil
	}
	return s.judge(map[string]any{"files": files, "looked_at": s.looked, "findings": len(s.problems)})
}

// systemFile tells whether a file belongs to the distribution or to installed packages: their samples and tests
// are full of keys that open nothing.
func systemFile(name string) bool {
	for _, dir := range []string{"usr/share/", "usr/lib/", "usr/local/lib/", "usr/include/", "var/lib/", "etc/ssl/", "lib/", "proc/", "sys/"} {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return strings.Contains(name, "/site-packages/") || strings.Contains(name, "/node_modules/")
}
