// Package twilio emulates the REST interface of the phone network: the account's record, its numbers with the
// fields that decide who answers, and the end of a call. Calls themselves are made by package peer. Numbers that
// are changed stay changed. It starts no goroutine.
package twilio

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const maxForm = 64 << 10

// Emulator is the vendor.
type Emulator struct {
	stage *stage.Stage

	mu       sync.Mutex
	accounts map[string][]*number // by sid; made at the first question
}

var _ http.Handler = (*Emulator)(nil)

// New makes an emulator; mount it with the prefix stripped.
//
// The token decides what an account is: one that begins with "bad" is refused, "test" are test credentials,
// "suspended" and "closed" are accounts of that status, "empty" has no number. Every other is a full account
// with two numbers, the second of which is answered by an application.
func New(s *stage.Stage) *Emulator { return &Emulator{stage: s, accounts: map[string][]*number{}} }

const maxAccounts = 100

var (
	accountPath = regexp.MustCompile(`^/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})(?:/(.+))?\.json$`)
	numberPath  = regexp.MustCompile(`^IncomingPhoneNumbers/(PN[0-9a-fA-F]{32})$`)
	callPath    = regexp.MustCompile(`^Calls/(CA[0-9a-fA-F]{32})$`)
)

// ServeHTTP implements http.Handler.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := e.stage.Begin(stage.Twilio, r.URL.Path, r.Method)
	status := http.StatusOK
	defer func() { rec.End(status) }()
	if e.stage.Pacer(stage.Twilio).First(r.Context()) != nil {
		return
	}
	rec.First()
	body, fail := e.answer(w, r)
	if fail != nil {
		status = fail.write(w)
		return
	}
	status = write(w, http.StatusOK, body)
}

func (e *Emulator) answer(w http.ResponseWriter, r *http.Request) (any, *problem) {
	user, token, ok := r.BasicAuth()
	m := accountPath.FindStringSubmatch(r.URL.Path)
	switch {
	case !ok, token == "", strings.HasPrefix(token, "bad"):
		return nil, errCredentials()
	case m == nil:
		return nil, errNotFound(r.URL.Path)
	case user != m[1] && !strings.HasPrefix(user, "SK"):
		return nil, errCredentials()
	case strings.HasPrefix(token, "test"):
		return nil, &problem{http.StatusForbidden, 20008, "Resource not accessible with Test Account Credentials"}
	}
	account, rest := m[1], m[2]
	switch {
	case rest == "" && r.Method == http.MethodGet && strings.HasPrefix(user, "SK"):
		return nil, errCredentials() // a standard API key does not read the account
	case rest == "" && r.Method == http.MethodGet:
		return record(account, token), nil
	case rest == "IncomingPhoneNumbers" && r.Method == http.MethodGet:
		return e.list(r, account, token)
	}
	if id := numberPath.FindStringSubmatch(rest); id != nil {
		return e.number(w, r, account, token, id[1])
	}
	if id := callPath.FindStringSubmatch(rest); id != nil && (r.Method == http.MethodPost || r.Method == http.MethodGet) {
		return nil, errNotFound(r.URL.Path) // every call is over before anybody asks
	}
	if rest == "" || rest == "IncomingPhoneNumbers" {
		return nil, &problem{http.StatusMethodNotAllowed, 20004, "Method not allowed"}
	}
	return nil, errNotFound(r.URL.Path)
}

// record is an account's own record.
func record(account, token string) map[string]any {
	status := "active"
	for _, s := range []string{"suspended", "closed"} {
		if strings.HasPrefix(token, s) {
			status = s
		}
	}
	uri := "/2010-04-01/Accounts/" + account
	return map[string]any{
		"sid": account, "friendly_name": "Sandbox", "status": status, "type": "Full", "owner_account_sid": account,
		"auth_token": "[redacted]", "date_created": "Wed, 01 Jan 2025 00:00:00 +0000", "date_updated": "Wed, 01 Jan 2025 00:00:00 +0000",
		"uri":              uri + ".json",
		"subresource_uris": map[string]string{"incoming_phone_numbers": uri + "/IncomingPhoneNumbers.json", "calls": uri + "/Calls.json"},
	}
}

func write(w http.ResponseWriter, status int, body any) int {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Twilio-Request-Id", "RQ"+strings.Repeat("0", 32))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a far end that is gone reads nothing
	return status
}
