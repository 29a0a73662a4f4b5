package vendor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const cerebriumAPI = "https://rest.cerebrium.ai"

// asRailway is errors.As for Railway's words.
func asRailway(err error, to **railwayError) bool { return errors.As(err, to) }

// scalingFields are the fields of an app with their names in cerebrium.toml.
var scalingFields = []struct{ live, declared string }{ //nolint:gochecknoglobals // a table
	{"minReplicaCount", "min_replicas"},
	{"maxReplicaCount", "max_replicas"},
	{"cooldownPeriodSeconds", "cooldown"},
	{"responseGracePeriodSeconds", "response_grace_period"},
	{"scalingBuffer", "scaling_buffer"},
	{"replicaConcurrency", "replica_concurrency"},
}

func lookCerebrium(ctx context.Context, d *drift) error {
	a, err := open(d.scope, "Cerebrium", cerebriumAPI, "CEREBRIUM_API_URL")
	if err != nil {
		return err
	}
	token, from := first(d.scope, "CEREBRIUM_API_KEY", "CEREBRIUM_SERVICE_ACCOUNT_TOKEN")
	a.bearer(token)
	project, _ := first(d.scope, "CEREBRIUM_PROJECT_ID")
	path := "/v2/projects/" + url.PathEscape(project) + "/apps"
	var apps []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	resp, err := a.read(ctx, path, &apps)
	if err != nil {
		return err
	}
	switch {
	case refused(resp.Status), resp.Status == http.StatusMethodNotAllowed, resp.Status == http.StatusNotFound:
		d.holds("auth", false, resp.Status, "issue a service account token at dashboard.cerebrium.ai and set it as "+from+"; check CEREBRIUM_PROJECT_ID, p-…",
			"Cerebrium refuses the token for project %s (HTTP %d)", clip(project, 40), resp.Status)
		return nil
	case resp.Status != http.StatusOK:
		return a.odd(resp, "the list of apps")
	}
	d.holds("auth", true, resp.Status, "", "")
	if !d.asks("scaling") {
		return nil
	}
	declared, err := readCerebrium(d.scope.Repo)
	if err != nil {
		return err
	}
	name := d.with.Text("service")
	if name == "" {
		name, _ = first(d.scope, "CEREBRIUM_APP")
	}
	if name == "" {
		name = declared.Cerebrium.Deployment.Name
	}
	i := slices.IndexFunc(apps, func(app struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	},
	) bool {
		return app.ID == name || app.ID == project+"-"+name
	})
	switch {
	case i >= 0:
	case name == "" && len(apps) == 1:
		i = 0
	case name == "":
		d.doubt("which of %d apps it is cannot be told", len(apps))
		d.fixes = append(d.fixes, "give the folder with cerebrium.toml, or set CEREBRIUM_APP")
		return nil
	default:
		d.bad("deploy the app, or check its name in cerebrium.toml", "the project has no app %s", clip(name, 80))
		return nil
	}
	return cerebriumScaling(ctx, a, d, path+"/"+url.PathEscape(apps[i].ID), declared.Cerebrium.Scaling)
}

// cerebriumScaling compares how an app grows and shrinks, and asks for one container that is always warm.
func cerebriumScaling(ctx context.Context, a *account, d *drift, path string, declared map[string]any) error {
	var app map[string]json.RawMessage
	resp, err := a.read(ctx, path, &app)
	if err != nil {
		return err
	}
	if resp.Status != http.StatusOK || app["id"] == nil {
		return a.odd(resp, "the question for an app")
	}
	live, differ := map[string]any{}, []string{}
	for _, f := range scalingFields {
		has := number(app[f.live])
		if has == "" {
			continue
		}
		live[f.declared] = has
		if want, ok := declared[f.declared]; ok && fmt.Sprint(want) != has {
			differ = append(differ, fmt.Sprintf("%s is %s, declared is %v", f.declared, has, want))
		}
	}
	if live["min_replicas"] == nil {
		return a.odd(resp, "the question for an app's replicas")
	}
	warm := warmer(live["min_replicas"]) || warmer(live["scaling_buffer"])
	if live["scaling_buffer"] == nil && !warm && warmer(fmt.Sprint(declared["scaling_buffer"])) {
		d.rows["scaling"] = map[string]any{"live": live}
		d.doubt("a buffer is declared, and the platform does not tell whether it has one")
		return nil
	}
	d.holds("scaling", len(differ) == 0, live, "deploy again, so that the app is as cerebrium.toml says", "%s", strings.Join(differ, "; "))
	if !warm && !d.all {
		d.bad("set min_replicas = 1 or scaling_buffer = 1 in cerebrium.toml and deploy", "no container is always warm: the first caller waits for a start")
	}
	return nil
}

// number reads a number that the interface gives as a number or as a text.
func number(raw json.RawMessage) string {
	s := strings.Trim(string(raw), `"`)
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

func warmer(n any) bool {
	return n != nil && strings.Trim(fmt.Sprint(n), "0") != "" && number(json.RawMessage(fmt.Sprint(n))) != ""
}
