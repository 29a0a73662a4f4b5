package vendor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/secret"
)

func jwtRole() *checks.Kind {
	return &checks.Kind{
		Name: "jwt.role", Title: "A key of the database has the role that it should have",
		Passes: "the role that the key names is the wanted one, it has not expired, and it belongs to the project of SUPABASE_URL",
		Why:    "The service key passes over every row's protection. In a place where the public key belongs it opens all data.",
		Fix:    "put the publishable (or anon) key there, and issue a new secret key if one lay in the open",
		Source: "Supabase documentation, Understanding API keys", Saves: "form, role, project and day of expiry; never the key",
		Severity: checks.Block, Needs: []checks.Need{checks.NeedEnv},
		Params: []checks.Param{
			{Name: "env", Type: checks.Text, Default: "SUPABASE_ANON_KEY", Doc: "variable that holds the key"},
			{Name: "want", Type: checks.Text, OneOf: []string{"anon", "service_role"}, Doc: "role that the key must have; a publishable key has anon, a secret key service_role"},
			{Name: "deny", Type: checks.List, OneOf: []string{"service_role", "sb_secret", "anon", "sb_publishable", "authenticated"}, Doc: "roles or forms that the key must not have"},
		},
		Look: lookJWT,
	}
}

// keyForms are the form and the role of each kind of key.
var keyForms = map[supabase.KeyKind][2]string{ //nolint:gochecknoglobals // a table
	supabase.KeyLegacyAnon: {"legacy", "anon"}, supabase.KeyLegacyService: {"legacy", "service_role"}, supabase.KeyJWT: {"legacy", "other"},
	supabase.KeyPublishable: {"sb_publishable", "anon"}, supabase.KeySecret: {"sb_secret", "service_role"},
	supabase.KeyManagement: {"sbp", "management"}, supabase.KeyOpaque: {"unknown", ""},
}

func lookJWT(_ context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	name := with.Text("env")
	key, _ := first(scope, name)
	if key == "" {
		return checks.Skipped(name+" is not set", set(name)), nil
	}
	project := scope.Env.Value("SUPABASE_URL")
	info := supabase.InspectKey(secret.New(key))
	form, role := keyForms[info.Kind][0], keyForms[info.Kind][1]
	if info.Kind == supabase.KeyJWT {
		role = claimedRole(key)
	}
	saw := map[string]any{"env": name, "form": form, "role": role, "project": clip(info.Ref, 40)}
	if !info.Expires.IsZero() {
		saw["expires"] = info.Expires.UTC().Format(time.DateOnly)
	}
	want := with.Text("want")
	wanted := "a key of the project that has not expired"
	if want != "" {
		wanted = "a key with the role " + want
	}
	var problems []checks.Problem
	fix := checks.Fix{Text: "put the key of the right role there; it is at supabase.com/dashboard under Project Settings, API keys"}
	for _, denied := range with.List("deny") {
		if denied == role || denied == form {
			problems = append(problems, checks.Problem{Text: name + " holds a " + denied + " key"})
			fix = checks.Fix{Text: "put the publishable (or anon) key there; a secret key that lay in the open must be revoked and issued anew"}
		}
	}
	if want != "" && role != "" && role != want && !slices.Contains(with.List("deny"), role) {
		problems = append(problems, checks.Problem{Text: name + " holds a key with the role " + clip(role, 40)})
	}
	if p := info.Problem(project, scope.Clock.Now()); p != "" {
		problems = append(problems, checks.Problem{Text: name + ": " + p})
	}
	switch {
	case len(problems) > 0:
		return checks.Failed(saw, wanted, fix, problems...), nil
	case info.Kind == supabase.KeyOpaque && hosted(project):
		return checks.Failed(saw, wanted, fix, checks.Problem{Text: name + " has the form of no key that the project could have issued"}), nil
	case info.Kind == supabase.KeyOpaque:
		return checks.Unclear(saw, "the key has neither form that is known, and SUPABASE_URL is no hosted project: its role cannot be read", fix), nil
	}
	return checks.Passed(saw), nil
}

// hosted tells whether a URL is that of a project of the vendor, and not of an emulator or a server of one's own.
func hosted(project string) bool {
	u, err := url.Parse(project)
	return err == nil && strings.HasSuffix(u.Hostname(), ".supabase.co")
}

// projectRef is the project's name, from its URL or from SUPABASE_PROJECT_REF.
func projectRef(scope *checks.Scope) string {
	if ref, _ := first(scope, "SUPABASE_PROJECT_REF"); ref != "" {
		return ref
	}
	u, err := url.Parse(scope.Env.Value("SUPABASE_URL"))
	if err != nil {
		return ""
	}
	ref, ok := strings.CutSuffix(u.Hostname(), ".supabase.co")
	if !ok {
		return ""
	}
	return ref
}

// claimedRole reads the role of a key that is neither anon nor service_role.
func claimedRole(key string) string {
	parts := strings.Split(key, ".")
	if len(parts) != 3 {
		return "other"
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims struct {
		Role string `json:"role"`
	}
	if err != nil || json.Unmarshal(raw, &claims) != nil || claims.Role == "" {
		return "none"
	}
	return clip(claims.Role, 40)
}
