package supabase

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/secret"
)

// KeyKind is what a project key is by its shape. Two generations are in use: JWTs signed by the project,
// and opaque keys with a prefix.
type KeyKind string

// The kinds.
const (
	KeyNone          KeyKind = "none"
	KeyLegacyAnon    KeyKind = "legacy_anon"    // JWT with role anon
	KeyLegacyService KeyKind = "legacy_service" // JWT with role service_role: passes over row security
	KeyJWT           KeyKind = "jwt"            // JWT with another role, such as a signed-in user's
	KeyPublishable   KeyKind = "publishable"    // sb_publishable_…
	KeySecret        KeyKind = "secret"         // sb_secret_…: passes over row security
	KeyManagement    KeyKind = "management"     // sbp_…: for the management interface, not for a project
	KeyOpaque        KeyKind = "opaque"         // none of these; an emulator or a gateway of one's own
)

// Legacy tells whether the key is a JWT, which is what a function deployed with verify_jwt asks for.
func (k KeyKind) Legacy() bool {
	return k == KeyLegacyAnon || k == KeyLegacyService || k == KeyJWT
}

// KeyInfo is what a key tells about itself. Nothing is verified: the signature's secret is the project's.
type KeyInfo struct {
	Kind    KeyKind
	Ref     string    // project, of legacy keys; may be empty
	Expires time.Time // zero = not said
}

// InspectKey sorts a key by its shape. It needs no network.
func InspectKey(key secret.Secret) KeyInfo {
	v := key.Reveal()
	switch {
	case v == "":
		return KeyInfo{Kind: KeyNone}
	case strings.HasPrefix(v, "sb_publishable_"):
		return KeyInfo{Kind: KeyPublishable}
	case strings.HasPrefix(v, "sb_secret_"):
		return KeyInfo{Kind: KeySecret}
	case strings.HasPrefix(v, "sbp_"):
		return KeyInfo{Kind: KeyManagement}
	}
	parts := strings.Split(v, ".")
	if len(parts) != 3 || parts[2] == "" {
		return KeyInfo{Kind: KeyOpaque}
	}
	var head struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Role string  `json:"role"`
		Ref  string  `json:"ref"`
		Exp  float64 `json:"exp"`
	}
	if !decodePart(parts[0], &head) || head.Alg == "" || !decodePart(parts[1], &claims) {
		return KeyInfo{Kind: KeyOpaque}
	}
	info := KeyInfo{Kind: KeyJWT, Ref: claims.Ref}
	if claims.Exp > 0 && claims.Exp < 1e11 {
		info.Expires = time.Unix(int64(claims.Exp), 0)
	}
	switch claims.Role {
	case "anon":
		info.Kind = KeyLegacyAnon
	case "service_role":
		info.Kind = KeyLegacyService
	}
	return info
}

// Problem says what is wrong with the key for a project at rawURL, "" for nothing that can be seen from outside.
func (k KeyInfo) Problem(rawURL string, now time.Time) string {
	switch {
	case k.Kind == KeyNone:
		return "no key is set"
	case k.Kind == KeyManagement:
		return "this is a personal access token of the management interface; a project key is needed"
	case !k.Expires.IsZero() && !k.Expires.After(now):
		return "the key expired on " + k.Expires.UTC().Format(time.DateOnly)
	}
	u, err := url.Parse(rawURL)
	if err != nil || k.Ref == "" {
		return ""
	}
	if ref, ok := strings.CutSuffix(u.Hostname(), ".supabase.co"); ok && ref != k.Ref {
		return fmt.Sprintf("the key belongs to project %.40q, the URL to project %.40q", k.Ref, ref)
	}
	return ""
}

func decodePart(part string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	return err == nil && json.Unmarshal(b, into) == nil
}
