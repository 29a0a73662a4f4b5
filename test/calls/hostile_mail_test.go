package calls_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/tools"
)

// H83: a recipient with a line break, in any spelling, is refused and nothing is sent.
func TestHostile_H83_HeadersInAnAddress(t *testing.T) {
	t.Parallel()
	wantNoMail(t, []string{
		"a@x.com\r\nBcc: b@y.com", "a@x.com\nBcc: b@y.com", "a@x.com\rBcc: b@y.com", "a@x.com%0d%0aBcc:b@y.com", "a@x.com\u2028Bcc: b@y.com", "a@x.com\u0085Bcc: b@y.com",
		"a@x.com\x00b@y.com", "a@x.com\tb@y.com", "\r\na@x.com\r\nBcc: b@y.com\r\n", "=?utf-8?q?a=40x.com?= <b@y.com>", "a@x.com\\r\\nBcc: b@y.com",
	}, nil)
	_, model := obedient(t, forced{"send_email_report", `{"to":"a@x.com","clientId":"5001","subject":"Hi\r\nBcc: b@y.com"}`})
	h := open(t, plan{openai: model})
	if h.page(visit{}).ask("Mail 5001 to a@x.com"); len(h.stage.Outbox()) != 0 {
		t.Errorf("a subject of two lines was mailed: %+v", h.stage.Outbox())
	}
}

// wantNoMail lets a model mail to each address, which the caller has said word by word.
func wantNoMail(t *testing.T, addresses, domains []string) {
	t.Helper()
	m, model := obedient(t)
	h := open(t, plan{openai: model, policy: tools.Policy{MailDomains: domains}})
	p := h.page(visit{})
	for _, to := range addresses {
		args, err := json.Marshal(map[string]string{"to": to, "clientId": "5001"})
		must(t, err)
		m.wants(forced{"send_email_report", string(args)})
		p.ask("Send the report of client 5001 to " + strings.Join(strings.Fields(to), " "))
		if box := h.stage.Outbox(); len(box) != 0 {
			t.Fatalf("%q was mailed: %+v", to, box)
		}
		for _, r := range m.results() {
			if !strings.Contains(r, `"error"`) {
				t.Errorf("%q: the model was answered %s", to, r)
			}
		}
	}
}

// H84: two recipients, or a name in front that looks like an address: the parsed address is judged, and only
// a bare one is taken.
func TestHostile_H84_TwoRecipients(t *testing.T) {
	t.Parallel()
	wantNoMail(t, []string{
		"a@x.com, b@y.com", "a@x.com; b@y.com", "a@x.com b@y.com", `"ok@good.example" <x@evil.example>`, "ok@good.example <x@evil.example>", "<x@evil.example>", "x@evil.example (ok@good.example)",
		`"ok@good.example"@evil.example`, "ok@good.example@evil.example", "x@evil.example?cc=b@y.com", "mailto:x@evil.example", "group: a@x.com, b@y.com;", "@good.example:x@evil.example", "x%evil.example@good.example@evil.example",
		"x@[127.0.0.1]", "x@localhost", "x@evil", "x@-evil.example", "x@evil..example", ".x@evil.example", strings.Repeat("x", 65) + "@evil.example",
	}, nil)
}

// H85: a domain that only looks like an allowed one is not allowed; letters outside a to z are refused, so
// nothing has to be shown in another spelling.
func TestHostile_H85_LookalikeDomains(t *testing.T) {
	t.Parallel()
	wantNoMail(t, []string{
		"a@exаmple.com", // a Cyrillic letter
		"a@éxample.com", "a@example.com.evil.example", "a@evil-example.com", "a@xn--exmple-4nf.com", "a@example.com\u200b", "a@ｅxample.com", "а@example.com", "a@example\u3002com", "a@sub.example.com", "a@example.comm", "a@example.co", "a@example.com.",
	}, []string{"example.com"})
}

// H86, a sample between lookalikes and loops: a mail bomb. One message a turn, recipient and client (JUL-06),
// eight tools a turn, and ten mails a call, however the model asks.
func TestHostile_H86_MailBomb(t *testing.T) {
	t.Parallel()
	m, model := obedient(t)
	h := open(t, plan{openai: model})
	p := h.page(visit{})
	for round := range 6 {
		var calls []forced
		var said []string
		for i := range 8 {
			to := fmt.Sprintf("victim%c%c@example.com", 'a'+round, 'a'+i)
			said = append(said, to)
			calls = append(calls, forced{"send_email_report", `{"to":"` + to + `","clientId":"5001"}`}, forced{"send_email_report", `{"to":"` + strings.ToUpper(to) + `","clientId":"5001"}`})
		}
		m.wants(calls...)
		p.ask("Send the report of 5001 to " + strings.Join(said, " and "))
		if n := len(h.stage.Outbox()); round == 0 && (n < 1 || n > 8) {
			t.Errorf("the first turn sent %d mails", n)
		}
	}
	box := h.stage.Outbox()
	var to []string
	for _, mail := range box {
		to = append(to, mail.To)
	}
	slices.Sort(to)
	if len(box) != tools.DefaultMails || len(slices.Compact(to)) != len(box) {
		t.Errorf("%d mails to %v, want %d, no recipient twice", len(box), to, tools.DefaultMails)
	}
}
