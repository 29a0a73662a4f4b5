package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the vendor signs with HMAC-SHA1
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/secret"
)

// SignatureHeader carries the signature of a request of the phone network.
const SignatureHeader = "X-Twilio-Signature"

// Sign makes the signature over the full URL and the form's parameters, sorted by name, values of one
// name unique and sorted. params is nil for GET, for a JSON body and for the upgrade to a WebSocket.
//
// It is our own HMAC because the validator of twilio-go covers only the first value of a name, rewrites
// the URL before hashing, takes port 80 for wss, and cannot sign; a test holds both equal where the
// library is right. The scheme covers no time, no nonce and no separators: see ValidateWebhook.
func Sign(token secret.Secret, rawURL string, params url.Values) string {
	sum := mac(token, rawURL, params)
	return base64.StdEncoding.EncodeToString(sum)
}

func mac(token secret.Secret, rawURL string, params url.Values) []byte {
	h := hmac.New(sha1.New, []byte(token.Reveal()))
	_, _ = h.Write([]byte(rawURL)) // a hash never fails
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(params[name])
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			_, _ = h.Write([]byte(name))
			_, _ = h.Write([]byte(v))
		}
	}
	return h.Sum(nil)
}

// SignBody signs a request whose body is not a form: it returns the URL with the body's hash added and
// the signature over that URL alone.
func SignBody(token secret.Secret, rawURL string, body []byte) (signedURL, signature string) {
	sep := "?"
	if strings.Contains(rawURL, "?") {
		sep = "&"
	}
	sum := sha256.Sum256(body)
	signedURL = rawURL + sep + "bodySHA256=" + hex.EncodeToString(sum[:])
	return signedURL, Sign(token, signedURL, nil)
}

// ValidBody checks a request made by SignBody: the signature of the URL and the hash of the raw body.
func ValidBody(tokens []secret.Secret, rawURL string, body []byte, signature string) bool {
	u, err := url.Parse(rawURL)
	if err != nil {
		return false
	}
	said, err := hex.DecodeString(u.Query().Get("bodySHA256"))
	if err != nil {
		return false
	}
	sum := sha256.Sum256(body)
	same := subtle.ConstantTimeCompare(said, sum[:]) == 1
	return valid(tokens, portVariants(rawURL), nil, signature) && same
}

// valid tells whether any token over any URL gives the signature. All are tried, whichever fits. A
// token that is not set never fits: an empty key would make anybody's signature good.
func valid(tokens []secret.Secret, urls []string, params url.Values, signature string) bool {
	got, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return false
	}
	ok := 0
	for _, token := range tokens {
		if !token.Set() {
			continue
		}
		for _, u := range urls {
			ok |= subtle.ConstantTimeCompare(mac(token, u, params), got)
		}
	}
	return ok == 1
}

// portVariants returns the URL as it is, and with its scheme's port added or its port taken away: what
// the vendor signs is not consistent in this.
func portVariants(rawURL string) []string {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok {
		return []string{rawURL}
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return []string{rawURL, scheme + "://" + host[:i] + path}
	}
	port := ":80"
	if scheme == "https" || scheme == "wss" {
		port = ":443"
	}
	return []string{rawURL, scheme + "://" + host + port + path}
}
