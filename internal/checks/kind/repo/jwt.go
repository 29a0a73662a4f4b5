package repo

import (
	"encoding/base64"
	"encoding/json"
)

// jwtRole reads the role out of a token's payload. The signature is nobody's matter here.
func jwtRole(payload string) (role string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return "", false
	}
	var claims struct{ Role string }
	if json.Unmarshal(raw, &claims) != nil {
		return "", false
	}
	return claims.Role, claims.Role != ""
}
