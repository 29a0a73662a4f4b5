package planner

import "strings"

// replies to what needs no tool. {name} and {what} are filled in.
//
//nolint:gochecknoglobals // table
var replies = map[intent][]string{
	greet:      {"Hello, this is {name}. How can I help you today?", "Hello. What can I do for you?"},
	howAreYou:  {"I'm doing well, thank you. What can I do for you?"},
	whoAreYou:  {"I'm {name}. How can I help you?"},
	areYouReal: {"I'm {name}, an automated assistant. How can I help you?"},
	abilities:  {"I can {what}. What would you like?"},
	hearMe:     {"Yes, I can hear you. How can I help?"},
	thanks:     {"You're welcome. Is there anything else?", "Glad to help. Anything else?"},
	goodbye:    {"Goodbye, and have a nice day."},
	agree:      {"All right. What would you like me to do?"},
	refuse:     {"All right. Let me know if you need anything else."},
	wait:       {"Take your time."},
	sorry:      {"No problem at all. How can I help?"},
	praise:     {"That's kind, thank you. Is there anything else?"},
	complain:   {"I'm sorry about that. Tell me what you need, and I'll try again."},
	joke:       {"I'm better with numbers than with jokes, I'm afraid. What can I look up for you?"},
	human:      {"I can't put you through from here, but I'm glad to help with what I can. What is it about?"},
	decline:    {"All right, I won't. Is there anything else?"},
	chat:       {"I see. I'm here for transactions, reports, charts and questions. What would you like?", "I'm listening. What can I do for you?"},
}

//nolint:gochecknoglobals // table
var abilityWords = []string{"look up a client's transactions", "mail a report", "draw a chart", "answer questions from our documents and the web"}

func (m *memory) opening() string { return m.phrase(greet, 0) }

// smallTalk answers what needs no tool. Variants go round by the number of messages, so that a reply is
// not repeated at once and the same conversation gets the same words.
func (m *memory) smallTalk(w want) string {
	switch w.intent {
	case repeatLast:
		if m.said != "" {
			return fit(clean(m.said), maxWords)
		}
		return "I haven't said anything yet. How can I help you?"
	case mailStatus:
		switch {
		case m.mailed == nil:
			return "I haven't sent any e-mail in this conversation."
		case m.mailed.ok:
			return "Yes, it was sent to " + m.mailed.to + "."
		}
		return "No, it was not sent to " + m.mailed.to + "."
	case greet:
		if m.greeted {
			return m.phrase(greet, 1)
		}
		return m.phrase(greet, 0)
	default:
	}
	return m.phrase(w.intent, max(m.heard-1, 0))
}

func (m *memory) phrase(i intent, n int) string {
	list := replies[i]
	if len(list) == 0 {
		list = replies[chat]
	}
	name := m.persona
	if name == "" {
		name = "your assistant"
	}
	return strings.NewReplacer("{name}", name, "{what}", listOr(abilityWords)).Replace(list[n%len(list)])
}

func listOr(parts []string) string {
	return strings.Join(parts[:len(parts)-1], ", ") + " or " + parts[len(parts)-1]
}
