package vendor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/checks/kind/env"
)

const renderAPI = "https://api.render.com/v1"

// renderService is the part of a service's record that is compared.
type renderService struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Repo    string `json:"repo"`
	Branch  string `json:"branch"`
	Root    string `json:"rootDir"`
	Image   string `json:"imagePath"`
	Details struct {
		Runtime   string `json:"runtime"`
		Env       string `json:"env"` // the older name of runtime
		Instances int    `json:"numInstances"`
		Specific  struct {
			Build  string `json:"buildCommand"`
			Start  string `json:"startCommand"`
			Docker string `json:"dockerCommand"`
		} `json:"envSpecificDetails"`
	} `json:"serviceDetails"`
}

// imaged tells whether a service runs an image, with no build of the platform's own.
func (s *renderService) imaged() bool {
	runtime := s.Details.Runtime
	if runtime == "" {
		runtime = s.Details.Env
	}
	return runtime == "image" || runtime == "docker" || s.Image != ""
}

// start is the command that starts it, "" when that is the image's own.
func (s *renderService) start() string {
	if s.imaged() {
		return s.Details.Specific.Docker
	}
	return s.Details.Specific.Start
}

func lookRender(ctx context.Context, d *drift) error {
	a, err := open(d.scope, "Render", renderAPI, "RENDER_API_URL")
	if err != nil {
		return err
	}
	a.bearer(d.scope.Env.Value("RENDER_API_KEY"))
	var owners []struct {
		Owner struct {
			ID string `json:"id"`
		} `json:"owner"`
	}
	resp, err := a.read(ctx, "/owners?limit=1", &owners)
	if err != nil {
		return err
	}
	d.rows["status"] = resp.Status
	switch {
	case refused(resp.Status):
		d.holds("auth", false, resp.Status, "issue an API key at dashboard.render.com/settings and set it as RENDER_API_KEY", "Render refuses the key (HTTP %d)", resp.Status)
		return nil
	case resp.Status != http.StatusOK:
		return a.odd(resp, "the list of workspaces")
	case len(owners) == 0:
		d.holds("auth", false, resp.Status, "issue the key in a workspace", "the key belongs to no workspace")
		return nil
	}
	d.holds("auth", true, resp.Status, "", "")
	if !slices.ContainsFunc(d.fields, func(f string) bool { return f != "auth" }) {
		return nil
	}
	s, err := renderFind(ctx, a, d)
	if err != nil || s == nil {
		return err
	}
	return renderCompare(ctx, a, d, s)
}

// renderFind finds the service: the named one, or the one that follows this repository. nil: told in d.
func renderFind(ctx context.Context, a *account, d *drift) (*renderService, error) {
	name := d.with.Text("service")
	if name == "" {
		name, _ = first(d.scope, "RENDER_SERVICE_ID", "RENDER_SERVICE")
	}
	if name == "" {
		declared, err := renderYAML(d.scope.Repo, "")
		if err != nil {
			return nil, err
		}
		name = declared.Name
	}
	if strings.HasPrefix(name, "srv-") {
		var s renderService
		resp, err := a.read(ctx, "/services/"+url.PathEscape(name), &s)
		if err != nil {
			return nil, err
		}
		switch {
		case resp.Status == http.StatusNotFound || refused(resp.Status):
			d.bad("check RENDER_SERVICE_ID", "Render has no service %s for this key (HTTP %d)", name, resp.Status)
			return nil, nil
		case resp.Status != http.StatusOK || s.ID == "":
			return nil, a.odd(resp, "the question for a service")
		}
		return &s, nil
	}
	all, err := renderServices(ctx, a, name)
	if err != nil {
		return nil, err
	}
	repo := declaredRepo(ctx, d)
	var fits []renderService
	for _, s := range all {
		if s.Name == name || name == "" && repo != "" && s.Repo != "" && plainRepo(s.Repo) == plainRepo(repo) {
			fits = append(fits, s)
		}
	}
	if name == "" && len(fits) == 0 && len(all) == 1 {
		fits = all
	}
	switch {
	case len(fits) == 1:
		return &fits[0], nil
	case name != "" && len(fits) == 0:
		d.bad("create the service, or check its name", "Render has no web service %q", name)
	case len(all) == 0:
		d.bad("create the service", "the account has no web service")
	default:
		d.doubt("which of %d web services it is cannot be told", max(len(fits), len(all)))
		d.fixes = append(d.fixes, "set RENDER_SERVICE_ID to the id of the service, srv-…")
	}
	return nil, nil
}

// renderServices lists the web services, of one name when that is not "".
func renderServices(ctx context.Context, a *account, name string) ([]renderService, error) {
	var all []renderService
	cursor := ""
	for range mostPages {
		q := url.Values{"type": {"web_service"}, "limit": {"100"}}
		if name != "" {
			q.Set("name", name)
		}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page []struct {
			Service renderService `json:"service"`
			Cursor  string        `json:"cursor"`
		}
		resp, err := a.read(ctx, "/services?"+q.Encode(), &page)
		if err != nil {
			return nil, err
		}
		if resp.Status != http.StatusOK {
			return nil, a.odd(resp, "the list of services")
		}
		for _, p := range page {
			all = append(all, p.Service)
		}
		if len(page) < 100 || page[len(page)-1].Cursor == cursor {
			break
		}
		cursor = page[len(page)-1].Cursor
	}
	return all, nil
}

func renderCompare(ctx context.Context, a *account, d *drift, s *renderService) error {
	d.rows["service"] = map[string]any{"id": s.ID, "name": s.Name, "image": s.imaged()}
	declared, err := renderYAML(d.scope.Repo, s.Name)
	if err != nil {
		return err
	}
	const settings = "change the service's settings at dashboard.render.com, or what is declared"
	repo := declared.Repo
	if repo == "" {
		repo = declaredRepo(ctx, d)
	}
	built := s.Repo == "" && s.imaged() // an image has neither repository nor branch
	if d.asks("repo") && !(built && d.all) {
		d.same("repo", plainOrNothing(repo), plainOrNothing(s.Repo), settings)
	}
	if d.asks("branch") && !(built && d.all) {
		d.same("branch", declaredBranch(ctx, d, declared.Branch), s.Branch, settings)
	}
	if d.asks("build-command") {
		live := s.Details.Specific.Build
		switch wrong := builds(live, d.scope.Repo, s.Root); {
		case s.imaged():
			d.holds("build-command", true, "an image is deployed", "", "")
		case declared.BuildCommand != "":
			d.same("build-command", declared.BuildCommand, live, settings)
		default:
			d.holds("build-command", wrong == "", live, settings, "%s", wrong)
		}
	}
	if d.asks("start-command") {
		want := declared.StartCommand
		if s.imaged() {
			want = declared.Docker
		}
		startCommand(d, want, s.start(), s.imaged(), settings)
	}
	if d.asks("scaling") {
		want := ""
		if declared.Instances > 0 {
			want = strconv.Itoa(declared.Instances)
		}
		d.same("scaling", want, strconv.Itoa(s.Details.Instances), settings)
	}
	if d.asks("env-names") {
		return renderEnv(ctx, a, d, s, declared)
	}
	return nil
}

func plainOrNothing(repo string) string {
	if repo == "" {
		return ""
	}
	return plainRepo(repo)
}

// startCommand judges a start command: as declared, and with the texts that it must hold.
func startCommand(d *drift, declared, live string, imaged bool, settings string) {
	contains := d.with.List("contains")
	if live == "" && imaged {
		if !d.all {
			d.doubt("the image's own command starts it, which the platform does not tell")
		}
		return
	}
	if declared != "" || len(contains) == 0 {
		d.same("start-command", declared, live, settings)
	}
	if len(contains) > 0 {
		lost := without(live, contains)
		d.holds("start-command", len(lost) == 0, live, settings, "the start command (%s) does not hold %s", orNothing(live), strings.Join(lost, ", "))
	}
}

// renderEnv looks whether every required variable is there, by name. Values come along and are not kept.
func renderEnv(ctx context.Context, a *account, d *drift, s *renderService, declared blueprint) error {
	var have []string
	cursor := ""
	for range mostPages {
		q := url.Values{"limit": {"100"}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page []struct {
			Var struct {
				Key string `json:"key"`
			} `json:"envVar"`
			Cursor string `json:"cursor"`
		}
		resp, err := a.read(ctx, "/services/"+url.PathEscape(s.ID)+"/env-vars?"+q.Encode(), &page)
		if err != nil {
			return err
		}
		if resp.Status != http.StatusOK {
			return a.odd(resp, "the names of variables")
		}
		for _, p := range page {
			have = append(have, p.Var.Key)
		}
		if len(page) < 100 || page[len(page)-1].Cursor == cursor {
			break
		}
		cursor = page[len(page)-1].Cursor
	}
	want := env.Required(d.scope.Profile)
	for _, v := range declared.EnvVars {
		if v.Key != "" {
			want = append(want, v.Key)
		}
	}
	envNames(d, want, have, "voicectl deploy env render")
	return nil
}

// envNames compares names of variables.
func envNames(d *drift, want, have []string, command string) {
	slices.Sort(want)
	want = slices.Compact(want)
	missing := slices.DeleteFunc(slices.Clone(want), func(n string) bool { return slices.Contains(have, n) })
	if len(want) == 0 {
		if !d.all {
			d.doubt("no variable is required")
		}
		return
	}
	slices.Sort(have)
	d.holds("env-names", len(missing) == 0, map[string]any{"set": have, "missing": missing}, "set the missing variables there", "%s", fmt.Sprintf("missing: %s", strings.Join(missing, ", ")))
	if len(missing) > 0 {
		d.commands = append(d.commands, command)
	}
}
