package twilio

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/voicectl/voicectl/internal/secret"
)

// MaxWebhook is the size of a webhook's body that is read, in bytes.
const MaxWebhook = 64 << 10

const maxParams = 200

// RequestError is a refused request of the phone network: Status is what to answer, Reason is for the
// log and holds nothing that the request said.
type RequestError struct {
	Status int
	Reason string
}

func (e *RequestError) Error() string {
	return fmt.Sprintf("twilio: request refused (%d): %s", e.Status, e.Reason)
}

func refuse(status int, reason string) error { return &RequestError{Status: status, Reason: reason} }

// ValidateOptions say what a request must be signed with and for.
type ValidateOptions struct {
	// Tokens are the account's auth token and, while it is rotated, the one before. None set refuses all.
	Tokens []secret.Secret
	// PublicURL is what the outside world calls us: scheme, host, and a base path when there is one. The
	// request's own Host and X-Forwarded-* are never looked at: whoever sends the request writes them.
	PublicURL string
	// AccountSID is the account that may call, "" = any that knows the token.
	AccountSID string
	// Require lists the parameters that must be there; nil = those of a voice webhook.
	Require []string
}

// The formats of the parameters everything else relies on. The signature puts no separators between
// names and values, so an attacker who has one signed request can move the borders; he cannot when each
// of these has its exact shape.
//
//nolint:gochecknoglobals // constant tables
var (
	callSID    = regexp.MustCompile(`^CA[0-9a-fA-F]{32}$`)
	accountSID = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	streamSID  = regexp.MustCompile(`^MZ[0-9a-fA-F]{32}$`)
	party      = regexp.MustCompile(`^(\+?[0-9]{1,20}|sips?:[^\s<>"]{1,200}|client:[A-Za-z0-9_.%@+-]{1,121}|(?i:anonymous|restricted|unavailable|unknown|private|blocked))$`)
	paramName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

	voiceParams = []string{"CallSid", "AccountSid", "From", "To"}
)

// ValidCallSID tells whether s has the shape of a call's id.
func ValidCallSID(s string) bool { return callSID.MatchString(s) }

// ValidateWebhook reads and checks a webhook (POST form, or GET) and returns its parameters. The error
// is a *RequestError:
//
//	403  no or wrong signature, wrong account, or no token is set
//	400  not a form, a name twice (the signature may cover one value only), parameters out of shape
//	413  larger than MaxWebhook
//	415  not a form by its type, or compressed
//
// Nothing of the body is read before the header is there. What it cannot do: tell a replay, since the
// signature holds no time; the stream's one-use token does that.
func ValidateWebhook(r *http.Request, o ValidateOptions) (url.Values, error) {
	signature, err := signatureOf(r, http.StatusForbidden)
	if err != nil {
		return nil, err
	}
	var params url.Values
	signed := url.Values(nil)
	switch r.Method {
	case http.MethodPost:
		if params, err = readForm(r); err != nil {
			return nil, err
		}
		signed = params
	case http.MethodGet:
		if params, err = parseParams(r.URL.RawQuery); err != nil {
			return nil, err
		}
	default:
		return nil, refuse(http.StatusBadRequest, "method is neither POST nor GET")
	}
	urls, err := publicURLs(r, o.PublicURL, false)
	if err != nil {
		return nil, err
	}
	if !valid(o.Tokens, urls, signed, signature) {
		return nil, refuse(http.StatusForbidden, "signature does not match the public url, the parameters and the token")
	}
	return params, checkParams(params, o)
}

// ValidateUpgrade checks the signature of a media stream's upgrade request: over the wss:// URL, a path
// at least "/", no parameters. 401 when there is none, 403 when it is wrong.
func ValidateUpgrade(r *http.Request, o ValidateOptions) error {
	signature, err := signatureOf(r, http.StatusUnauthorized)
	if err != nil {
		return err
	}
	urls, err := publicURLs(r, o.PublicURL, true)
	if err != nil {
		return err
	}
	if !valid(o.Tokens, urls, nil, signature) {
		return refuse(http.StatusForbidden, "signature does not match the public wss url and the token")
	}
	return nil
}

func signatureOf(r *http.Request, missing int) (string, error) {
	got := r.Header.Values(SignatureHeader)
	switch {
	case len(got) == 0 || got[0] == "":
		return "", refuse(missing, "no signature")
	case len(got) > 1:
		return "", refuse(http.StatusBadRequest, "more than one signature")
	}
	return got[0], nil
}

func readForm(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refuse(http.StatusUnsupportedMediaType, "body is not declared as a form")
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, refuse(http.StatusUnsupportedMediaType, "body is compressed")
	}
	if r.ContentLength > MaxWebhook {
		return nil, refuse(http.StatusRequestEntityTooLarge, "body is too large")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxWebhook+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), len(body) > MaxWebhook:
		return nil, refuse(http.StatusRequestEntityTooLarge, "body is too large")
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "body broke off")
	}
	return parseParams(string(body))
}

func parseParams(raw string) (url.Values, error) {
	if strings.Count(raw, "&") >= maxParams {
		return nil, refuse(http.StatusBadRequest, "too many parameters")
	}
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "not a form")
	}
	for _, values := range params {
		if len(values) != 1 {
			return nil, refuse(http.StatusBadRequest, "a parameter twice")
		}
	}
	return params, nil
}

func checkParams(params url.Values, o ValidateOptions) error {
	for name := range params {
		if !paramName.MatchString(name) {
			return refuse(http.StatusBadRequest, "a parameter's name is out of shape")
		}
	}
	require := o.Require
	if require == nil {
		require = voiceParams
	}
	for _, name := range require {
		if !params.Has(name) {
			return refuse(http.StatusBadRequest, "parameter missing: "+name)
		}
	}
	for name, shape := range map[string]*regexp.Regexp{
		"CallSid": callSID, "AccountSid": accountSID, "StreamSid": streamSID, "From": party, "To": party,
	} {
		if params.Has(name) && !shape.MatchString(params.Get(name)) {
			return refuse(http.StatusBadRequest, "parameter out of shape: "+name)
		}
	}
	if o.AccountSID != "" && params.Get("AccountSid") != o.AccountSID {
		return refuse(http.StatusForbidden, "another account")
	}
	return nil
}

// publicURLs lists what the vendor may have signed for this request.
func publicURLs(r *http.Request, public string, upgrade bool) ([]string, error) {
	base, err := url.Parse(public)
	if err != nil || base.Host == "" {
		return nil, refuse(http.StatusForbidden, "no public url is set")
	}
	var schemes []string
	switch base.Scheme {
	case "https", "wss":
		schemes = []string{"https"}
		if upgrade {
			schemes = []string{"wss", "https"}
		}
	case "http", "ws":
		schemes = []string{"http"}
		if upgrade {
			schemes = []string{"ws", "http"}
		}
	default:
		return nil, refuse(http.StatusForbidden, "the public url is not a web address")
	}
	path := r.URL.EscapedPath()
	if prefix := strings.TrimRight(base.EscapedPath(), "/"); prefix != "" && path != prefix && !strings.HasPrefix(path, prefix+"/") {
		path = prefix + path // a proxy took the prefix off
	}
	query := ""
	if r.URL.RawQuery != "" {
		query = "?" + r.URL.RawQuery
	}
	paths := []string{path}
	if r.URL.Path == "/" && !upgrade {
		// Whether the configured URL ends in a slash cannot be seen from here.
		paths = append(paths, strings.TrimSuffix(path, "/"))
	}
	var urls []string
	for _, scheme := range schemes {
		for _, p := range paths {
			urls = append(urls, portVariants(scheme+"://"+base.Host+p+query)...)
		}
	}
	return urls, nil
}
