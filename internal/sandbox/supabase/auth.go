package supabase

import (
	"net/http"
	"strings"

	wire "github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/secret"
)

// credentials are what a request brought, as kinds and never as values.
type credentials struct {
	apikey, bearer wire.KeyKind
	same           bool
}

// authorize does what the gateway and then the JWT check of a function do. Functions here behave as deployed for the
// generation of the key: with verify_jwt for a legacy key, without it for every other.
func authorize(r *http.Request, function bool) (credentials, *platformError) {
	key := r.Header.Get("Apikey")
	if key == "" {
		key = r.URL.Query().Get("apikey")
	}
	head := r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(head, " ")
	token = strings.TrimSpace(token)
	c := credentials{apikey: kind(key), bearer: kind(token), same: key != "" && key == token}
	switch {
	case key == "" && head == "":
		return c, errNoKey()
	case key == "" && !function:
		return c, errNoKey()
	case head != "" && (!strings.EqualFold(scheme, "Bearer") || token == ""):
		return c, errJWT("Invalid Token or Protected Header formatting")
	case strings.HasPrefix(key, "bad"), key == "" && strings.HasPrefix(token, "bad"), malformed(key, c.apikey), c.apikey == wire.KeyManagement:
		return c, errBadKey()
	case c.apikey == wire.KeySecret && strings.HasPrefix(r.UserAgent(), "Mozilla/"):
		return c, errSecretInBrowser()
	}
	if !function {
		return c, nil
	}
	switch {
	case malformed(token, c.bearer), strings.HasPrefix(token, "bad"):
		return c, errJWT("Invalid JWT")
	case head == "" && c.apikey.Legacy():
		return c, errNoHeader()
	case (c.bearer == wire.KeyPublishable || c.bearer == wire.KeySecret) && !c.same:
		return c, errJWT("Invalid JWT")
	case c.bearer == wire.KeyOpaque && key != "" && !c.same:
		return c, errJWT("Invalid JWT")
	}
	return c, nil
}

func kind(key string) wire.KeyKind { return wire.InspectKey(secret.New(key)).Kind }

// malformed: begins as a JWT does and is none.
func malformed(key string, k wire.KeyKind) bool {
	return strings.HasPrefix(key, "eyJ") && !k.Legacy()
}
