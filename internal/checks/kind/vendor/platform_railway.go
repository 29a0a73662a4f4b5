package vendor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/checks/kind/env"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

const railwayAPI = "https://backboard.railway.com/graphql/v2"

// railway is an account of Railway. Its interface is GraphQL: an error stands in the body under a status of 200.
type railway struct {
	*account
	project, environment string
}

// railwayError is an error that Railway says in words.
type railwayError struct{ message string }

// Error implements error.
func (e *railwayError) Error() string { return "Railway: " + e.message }

func (r *railway) ask(ctx context.Context, query string, variables map[string]any, into any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return fmt.Errorf("Railway: %w", err) //nolint:staticcheck // a name
	}
	resp, err := r.do(ctx, probe.Request{Method: http.MethodPost, URL: r.base, Body: body, Header: http.Header{"Content-Type": {"application/json"}}})
	if err != nil {
		return err
	}
	if refused(resp.Status) {
		return &railwayError{"Not Authorized"}
	}
	var got struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err := r.decode(resp, &got); err != nil {
		return err
	}
	if len(got.Errors) > 0 {
		return &railwayError{clip(got.Errors[0].Message, 200)}
	}
	if resp.Status != http.StatusOK || len(got.Data) == 0 {
		return r.odd(resp, "a question")
	}
	if err := json.Unmarshal(got.Data, into); err != nil {
		return fmt.Errorf("Railway: the answer is not understood: %w", err) //nolint:staticcheck // a name
	}
	return nil
}

// denied tells whether an error says that the token is not good, and not that Railway could not answer.
func (e *railwayError) denied() bool {
	return slices.ContainsFunc([]string{"Not Authorized", "Project Token not found", "Invalid token", "Two Factor Authentication Required"}, func(s string) bool { return strings.Contains(e.message, s) })
}

func lookRailway(ctx context.Context, d *drift) error {
	a, err := open(d.scope, "Railway", railwayAPI, "RAILWAY_API_URL")
	if err != nil {
		return err
	}
	r := &railway{account: a}
	err = r.login(ctx, d)
	var said *railwayError
	switch {
	case asRailway(err, &said) && said.denied():
		d.holds("auth", false, said.message, "issue a project token in the project's settings at railway.com and set it as RAILWAY_TOKEN", "Railway refuses the token: %s", said.message)
		return nil
	case err != nil:
		return err
	}
	d.holds("auth", true, "accepted", "", "")
	if !slices.ContainsFunc(d.fields, func(f string) bool { return f != "auth" }) {
		return nil
	}
	if r.project == "" || r.environment == "" {
		d.doubt("an account's token names neither project nor environment")
		d.fixes = append(d.fixes, "set RAILWAY_PROJECT_ID and RAILWAY_ENVIRONMENT_ID, or use a project token as RAILWAY_TOKEN")
		return nil
	}
	service, err := r.find(ctx, d)
	if err != nil || service == "" {
		return err
	}
	return r.compare(ctx, d, service)
}

// login proves the token and learns where it leads.
func (r *railway) login(ctx context.Context, d *drift) error {
	if token, _ := first(d.scope, "RAILWAY_TOKEN"); token != "" {
		r.header.Set("Project-Access-Token", token)
		var got struct {
			Token struct {
				Project     string `json:"projectId"`
				Environment string `json:"environmentId"`
			} `json:"projectToken"`
		}
		if err := r.ask(ctx, `query { projectToken { projectId environmentId } }`, nil, &got); err != nil {
			return err
		}
		if got.Token.Project == "" {
			return fmt.Errorf("Railway: the token leads to no project; %s", r.check()) //nolint:staticcheck // a name
		}
		r.project, r.environment = got.Token.Project, got.Token.Environment
		return nil
	}
	r.bearer(d.scope.Env.Value("RAILWAY_API_TOKEN"))
	var got struct {
		Token struct {
			Workspaces []struct {
				ID string `json:"id"`
			} `json:"workspaces"`
		} `json:"apiToken"`
	}
	if err := r.ask(ctx, `query { apiToken { workspaces { id } } }`, nil, &got); err != nil {
		return err
	}
	r.project, _ = first(d.scope, "RAILWAY_PROJECT_ID")
	r.environment, _ = first(d.scope, "RAILWAY_ENVIRONMENT_ID")
	return nil
}

// find is the id of the service: the named one, or the only one. "": told in d.
func (r *railway) find(ctx context.Context, d *drift) (string, error) {
	name := d.with.Text("service")
	if name == "" {
		name, _ = first(d.scope, "RAILWAY_SERVICE_ID", "RAILWAY_SERVICE")
	}
	var got struct {
		Project struct {
			Services struct {
				Edges []struct {
					Node struct {
						ID   string `json:"id"`
						Name string `json:"name"`
					} `json:"node"`
				} `json:"edges"`
			} `json:"services"`
		} `json:"project"`
	}
	if err := r.ask(ctx, `query ($id: String!) { project(id: $id) { services(first: 100) { edges { node { id name } } } } }`, map[string]any{"id": r.project}, &got); err != nil {
		return "", err
	}
	edges := got.Project.Services.Edges
	for _, e := range edges {
		if e.Node.ID == name || e.Node.Name == name || name == "" && len(edges) == 1 {
			d.rows["service"] = map[string]any{"id": e.Node.ID, "name": e.Node.Name}
			return e.Node.ID, nil
		}
	}
	switch {
	case name != "":
		d.bad("create the service, or check RAILWAY_SERVICE_ID", "the project has no service %q", name)
	case len(edges) == 0:
		d.bad("create the service", "the project has no service")
	default:
		d.doubt("which of %d services it is cannot be told", len(edges))
		d.fixes = append(d.fixes, "set RAILWAY_SERVICE_ID")
	}
	return "", nil
}

const railwayInstance = `query ($project: String!, $environment: String!, $service: String!) {
  serviceInstance(environmentId: $environment, serviceId: $service) { startCommand numReplicas source { repo image } }
  deploymentTriggers(projectId: $project, environmentId: $environment, serviceId: $service, first: 10) { edges { node { branch repository } } }
}`

func (r *railway) compare(ctx context.Context, d *drift, service string) error {
	at := map[string]any{"project": r.project, "environment": r.environment, "service": service}
	var got struct {
		Instance struct {
			Start    string `json:"startCommand"`
			Replicas int    `json:"numReplicas"`
			Source   struct {
				Repo  string `json:"repo"`
				Image string `json:"image"`
			} `json:"source"`
		} `json:"serviceInstance"`
		Triggers struct {
			Edges []struct {
				Node struct {
					Branch     string `json:"branch"`
					Repository string `json:"repository"`
				} `json:"node"`
			} `json:"edges"`
		} `json:"deploymentTriggers"`
	}
	if err := r.ask(ctx, railwayInstance, at, &got); err != nil {
		return err
	}
	const settings = "change the service's settings at railway.com, or what is declared"
	source, image := got.Instance.Source, got.Instance.Source.Image != ""
	branch, repo := "", source.Repo
	for _, e := range got.Triggers.Edges {
		branch = e.Node.Branch
		if repo == "" {
			repo = e.Node.Repository
		}
	}
	d.rows["image"] = image
	if d.asks("repo") && !(image && d.all) {
		want := ""
		if declared := declaredRepo(ctx, d); declared != "" {
			want = shortRepo(declared)
		}
		live := ""
		if repo != "" {
			live = shortRepo(repo)
		}
		d.same("repo", want, live, settings)
	}
	if d.asks("branch") && !(image && d.all) {
		d.same("branch", declaredBranch(ctx, d, ""), branch, settings)
	}
	if d.asks("start-command") {
		startCommand(d, "", got.Instance.Start, image || got.Instance.Start == "", settings)
	}
	if d.asks("scaling") {
		want := ""
		if n := d.with.Whole("replicas"); n > 0 {
			want = strconv.Itoa(n)
		}
		d.same("scaling", want, strconv.Itoa(got.Instance.Replicas), settings)
	}
	if d.asks("env-names") {
		return r.env(ctx, d, at)
	}
	return nil
}

// env looks whether every required variable is there, by name. Values come along and are not kept.
func (r *railway) env(ctx context.Context, d *drift, at map[string]any) error {
	var got struct {
		Variables map[string]json.RawMessage `json:"variables"`
	}
	const query = `query ($project: String!, $environment: String!, $service: String!) { variables(projectId: $project, environmentId: $environment, serviceId: $service) }`
	if err := r.ask(ctx, query, at, &got); err != nil {
		return err
	}
	envNames(d, env.Required(d.scope.Profile), slices.Collect(maps.Keys(got.Variables)), "voicectl deploy env railway")
	return nil
}
