package twilio

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// number is a phone number with the fields that can be set. An unset field is "".
type number struct {
	sid, phone, name string
	set              map[string]string // by the name in the answer
	updated          time.Time
}

// settable are the fields of an update with their names in the answer.
var settable = map[string]string{ //nolint:gochecknoglobals // a table
	"FriendlyName": "friendly_name", "VoiceUrl": "voice_url", "VoiceMethod": "voice_method", "VoiceFallbackUrl": "voice_fallback_url",
	"VoiceFallbackMethod": "voice_fallback_method", "StatusCallback": "status_callback", "StatusCallbackMethod": "status_callback_method",
	"VoiceApplicationSid": "voice_application_sid", "TrunkSid": "trunk_sid", "VoiceReceiveMode": "voice_receive_mode",
	"SmsUrl": "sms_url", "SmsMethod": "sms_method", "SmsFallbackUrl": "sms_fallback_url", "SmsFallbackMethod": "sms_fallback_method",
}

// of returns the numbers of an account, making them at the first question. mu is held.
func (e *Emulator) of(account, token string) []*number {
	if strings.HasPrefix(token, "empty") {
		return nil
	}
	list, known := e.accounts[account]
	if known {
		return list
	}
	if len(e.accounts) >= maxAccounts {
		clear(e.accounts)
	}
	made := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, phone := range []string{"+15550100002", "+15550100003"} {
		n := &number{sid: fmt.Sprintf("PN%030x%02x", 0x5a, i+1), phone: phone, name: "Sandbox " + strconv.Itoa(i+1), updated: made, set: map[string]string{
			"voice_url": "https://demo.twilio.com/welcome/voice/", "voice_method": "POST", "voice_fallback_method": "POST", "status_callback_method": "POST",
			"voice_receive_mode": "voice", "sms_method": "POST", "sms_fallback_method": "POST",
		}}
		if i == 1 {
			n.set["voice_application_sid"] = "AP" + strings.Repeat("5a", 16)
		}
		list = append(list, n)
	}
	e.accounts[account] = list
	return list
}

// list is GET IncomingPhoneNumbers.json, a page.
func (e *Emulator) list(r *http.Request, account, token string) (any, *problem) {
	q := r.URL.Query()
	size, page := 50, 0
	for name, to := range map[string]*int{"PageSize": &size, "Page": &page} {
		if s := q.Get(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 || name == "PageSize" && (n < 1 || n > 1000) {
				return nil, &problem{http.StatusBadRequest, 20001, "Invalid " + name}
			}
			*to = n
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var rows []map[string]any
	for _, n := range e.of(account, token) {
		if p := strings.ReplaceAll(q.Get("PhoneNumber"), " ", "+"); p != "" && !strings.Contains(n.phone, strings.Trim(p, "*")) {
			continue
		}
		if f := q.Get("FriendlyName"); f != "" && n.name != f {
			continue
		}
		rows = append(rows, n.wire(account))
	}
	from := min(page*size, len(rows))
	to := min(from+size, len(rows))
	uri := "/2010-04-01/Accounts/" + account + "/IncomingPhoneNumbers.json"
	var next any
	if to < len(rows) {
		v := url.Values{"PageSize": {strconv.Itoa(size)}, "Page": {strconv.Itoa(page + 1)}}
		next = uri + "?" + v.Encode()
	}
	return map[string]any{
		"incoming_phone_numbers": append([]map[string]any{}, rows[from:to]...), "page": page, "page_size": size, "start": from, "end": max(to-1, 0),
		"uri": uri, "first_page_uri": uri, "next_page_uri": next, "previous_page_uri": nil,
	}, nil
}

// number is GET and POST of one number.
func (e *Emulator) number(w http.ResponseWriter, r *http.Request, account, token, sid string) (any, *problem) {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.of(account, token)
	i := slices.IndexFunc(list, func(n *number) bool { return n.sid == sid })
	if i < 0 {
		return nil, errNotFound(r.URL.Path)
	}
	switch r.Method {
	case http.MethodGet:
		return list[i].wire(account), nil
	case http.MethodPost:
	default:
		return nil, &problem{http.StatusMethodNotAllowed, 20004, "Method not allowed"}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, &problem{http.StatusBadRequest, 20001, "the body is no form"}
	}
	if p := list[i].update(r.PostForm, e.stage); p != nil {
		return nil, p
	}
	return list[i].wire(account), nil
}

// update sets fields as the vendor does: all or none. A trunk takes the place of an application and the reverse.
func (n *number) update(form url.Values, s *stage.Stage) *problem {
	next := map[string]string{}
	for k, v := range n.set {
		next[k] = v
	}
	for name, values := range form {
		field, known := settable[name]
		if !known {
			continue // the vendor passes over what it does not know
		}
		v := values[0]
		switch {
		case strings.HasSuffix(name, "Method") && v != "GET" && v != "POST" && v != "":
			return &problem{http.StatusBadRequest, 21403, name + " must be GET or POST"}
		case (strings.HasSuffix(name, "Url") || name == "StatusCallback") && v != "" && !absolute(v):
			return &problem{http.StatusBadRequest, 21502, name + " is not valid: " + clip(v)}
		}
		next[field] = v
	}
	if next["voice_fallback_url"] != "" && next["voice_url"] == "" {
		return &problem{http.StatusBadRequest, 21405, "A fallback URL needs a primary URL"}
	}
	if form.Get("TrunkSid") != "" {
		next["voice_application_sid"] = ""
	} else if form.Get("VoiceApplicationSid") != "" {
		next["trunk_sid"] = ""
	}
	if form.Has("FriendlyName") {
		n.name = form.Get("FriendlyName")
	}
	n.set, n.updated = next, s.Now()
	return nil
}

func absolute(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && len(s) <= 2048
}

func clip(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return strings.ToValidUTF8(s, "")
}

// wire is a number in the vendor's shape. An application is "" when there is none, a trunk is null.
func (n *number) wire(account string) map[string]any {
	out := map[string]any{
		"sid": n.sid, "account_sid": account, "phone_number": n.phone, "friendly_name": n.name, "api_version": "2010-04-01", "beta": false,
		"capabilities": map[string]bool{"voice": true, "sms": true, "mms": false, "fax": false}, "origin": "twilio", "status": "in-use", "type": "local",
		"date_created": "Wed, 01 Jan 2025 00:00:00 +0000", "date_updated": n.updated.UTC().Format(time.RFC1123Z), "voice_caller_id_lookup": false,
		"address_requirements": "none", "address_sid": nil, "bundle_sid": nil, "identity_sid": nil, "emergency_status": "Inactive",
		"uri": "/2010-04-01/Accounts/" + account + "/IncomingPhoneNumbers/" + n.sid + ".json",
	}
	for _, field := range settable {
		if field != "friendly_name" {
			out[field] = n.set[field]
		}
	}
	if n.set["trunk_sid"] == "" {
		out["trunk_sid"] = nil
	}
	return out
}
