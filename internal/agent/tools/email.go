package tools

import (
	"context"
	"fmt"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/supabase"
)

// email sends a client's report: once a turn, recipient and client, and only to an address the caller said.
func (r *run) email(ctx context.Context) Outcome {
	addr, why := address(r.args["to"])
	if why != "" {
		err := &badArgument{"to", why}
		return refuse(ClassArguments, r.tool.ask(err), err.Error()+". Nothing was sent.")
	}
	id := r.args["clientId"]
	r.mu.Lock()
	if id == "" {
		id = r.facts.ClientID
	}
	text := r.heard.text
	r.mu.Unlock()
	switch {
	case id == "":
		return refuse(ClassNoClient, "Which client's report should I send?", "No client was named in this call. Ask for the client number; nothing was sent.")
	case !said(text, addr):
		return refuse(ClassNotSaid, "I need the e-mail address from you. Where should the report go?",
			"The caller did not say this address in this call. Ask for it, do not guess; nothing was sent.")
	case !r.o.Policy.domainAllowed(addr):
		return refuse(ClassNotAllowed, "I may not send mail to that address. The report was not sent.", "Mail goes only to certain domains. Do not try another address unless the caller says one.")
	}
	if out, ok := r.admit(id); !ok {
		return out
	}
	r.args["to"], r.args["clientId"] = addr, id
	r.mention(id)
	return r.share(ctx, r.round.mails, addr+"\x00"+id, settled, func() Outcome { return r.send(ctx, addr, id) }, nil)
}

// send looks the client up anew, so that the mail says what is true now, and mails.
func (r *run) send(ctx context.Context, addr, id string) Outcome {
	found, err := r.fetch(ctx, id, "", "")
	if err != nil {
		out := failed("the transaction records", err)
		out.Content = problem(out.Class, "The report was not sent: the transaction records could not be read. Please try again in a moment.", "Nothing was sent.")
		out.unsent = true
		return out
	}
	if *found.Count == 0 {
		return refuse(ClassEmpty, fmt.Sprintf("There are no transactions for client %s, so nothing was sent.", id), "")
	}
	if !r.mailing() {
		return refuse(ClassMails, "I have sent as many reports as I may in one call. This one was not sent.", "No more mail leaves in this call.")
	}
	r.found(id, sentence(found))
	req := supabase.MailRequest{To: addr, ClientID: supabase.Text(id), Subject: r.args["subject"], Summary: "Client " + id + " has " + sentence(found) + "."}
	var got supabase.MailResult
	if err := r.o.Backend.Call(ctx, supabase.FnEmail, req, &got); err != nil {
		return unconfirmed(err)
	}
	messageID := printable(string(got.MessageID), 128)
	return Outcome{
		OK: true, Mail: &Mailed{To: addr, ClientID: id, MessageID: messageID},
		Content: encode(map[string]any{
			"success": true, "to": addr, "clientId": id, "messageId": messageID, "count": *found.Count, "note": "The report was sent. Name the recipient when you confirm it.",
		}),
	}
}

// unconfirmed words a failed mail. After some failures nobody knows whether it went out.
func unconfirmed(err error) Outcome {
	out := failed("the mail service", err)
	message, hint := "The report was not sent: the mail service refused it.", "Say that it was not sent. Trying again at once will not help."
	out.unsent = certain(out.Class)
	if !out.unsent {
		message, hint = "The report was not sent, as far as I can tell: the mail service did not confirm it. Please try again in a moment.",
			"Say that it was not sent. It cannot be tried again in this turn, because it must not go out twice."
	}
	out.Content = problem(out.Class, message, hint)
	return out
}

// certain: with this class the mail did not go out.
func certain(class string) bool {
	switch guard.Class(class) {
	case guard.Unauthorized, guard.NotFound, guard.BadRequest, guard.Quota, guard.RateLimited, guard.CircuitOpen:
		return true
	case guard.Unreachable, guard.Timeout, guard.VendorFault, guard.Protocol, guard.Empty, guard.Cancelled:
		return false
	}
	return false
}

// settled keeps whatever may have sent a mail, so that it is not sent twice.
func settled(o Outcome) bool { return !o.unsent }
