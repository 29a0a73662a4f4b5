package tools

import (
	"encoding/json"
	"fmt"
	"regexp"
	"unicode/utf8"
)

// The names of the tools.
const (
	QueryTransactions = "query_transactions"
	SearchDocuments   = "search_documents"
	WebSearch         = "web_search"
	SendEmailReport   = "send_email_report"
	GenerateChart     = "generate_transaction_chart"
)

// tool is one entry of the catalogue.
type tool struct {
	name, description string
	noun              string // in words to the caller
	params            []param
}

// param is one argument; all arguments are strings.
type param struct {
	name, description string
	required          bool
	max               int // characters
	pattern           *regexp.Regexp
	wants             string // the pattern in words
}

var (
	clientPattern = regexp.MustCompile(`^[0-9]{1,12}$`)
	wordPattern   = regexp.MustCompile(`^[A-Za-z][A-Za-z _-]*$`)
	linePattern   = regexp.MustCompile(`^[^\x00-\x1f\x7f]*$`)
)

//nolint:gochecknoglobals // the catalogue is data
var catalogue = []tool{
	{
		name: QueryTransactions, noun: "the transaction records",
		description: "Look up the transactions of one client. Returns count, total, currency and the rows. Call it whenever the caller names a client and asks about transactions; never answer such a question from memory.",
		params: []param{
			client(true, "The client's number, digits only, as the caller said it."),
			label("type", "Only transactions of this type, such as purchase, refund, fee, transfer, deposit or subscription."),
			label("status", "Only transactions with this status, such as completed, pending or failed."),
		},
	},
	{
		name: SearchDocuments, noun: "the document search",
		description: "Search the company's own documents (policies, fees, opening hours, delivery, privacy and the like). Call it first for every question of knowledge.",
		params:      []param{query("What to look for, in the caller's words.")},
	},
	{
		name: WebSearch, noun: "the web search",
		description: "Search the web. Only for what the documents do not answer: call search_documents before it.",
		params:      []param{query("What to look for.")},
	},
	{
		name: SendEmailReport, noun: "the mail service",
		description: "Mail the transaction report of one client. Only to an address that the caller has said in this call; when none was said, ask for it.",
		params: []param{
			{name: "to", description: "One e-mail address, as the caller said it, written as name@example.com.", required: true, max: maxAddress},
			client(false, "The client's number. Leave it out for the client that was discussed last."),
			{name: "subject", description: "Subject line, when the caller wants another than the usual one.", max: 120, pattern: linePattern, wants: "one line of text"},
		},
	},
	{
		name: GenerateChart, noun: "the chart service",
		description: "Draw a chart of one client's transactions by month and type on the caller's screen.",
		params:      []param{client(true, "The client's number, digits only.")},
	},
}

func client(required bool, description string) param {
	return param{name: "clientId", description: description, required: required, max: 12, pattern: clientPattern, wants: "1 to 12 digits"}
}

func label(name, description string) param {
	return param{name: name, description: description, max: 32, pattern: wordPattern, wants: "a plain word"}
}

func query(description string) param {
	return param{name: "query", description: description, required: true, max: 500, pattern: linePattern, wants: "one line of text"}
}

func find(name string) (tool, bool) {
	for _, t := range catalogue {
		if t.name == name {
			return t, true
		}
	}
	return tool{}, false
}

// schema writes the parameters as JSON Schema.
func (t tool) schema() json.RawMessage {
	type property struct {
		Type        string `json:"type"`
		Description string `json:"description"`
		Pattern     string `json:"pattern,omitempty"`
		MinLength   int    `json:"minLength,omitempty"`
		MaxLength   int    `json:"maxLength,omitempty"`
	}
	properties, required := map[string]property{}, []string{}
	for _, p := range t.params {
		x := property{Type: "string", Description: p.description, MaxLength: p.max}
		if p.pattern == clientPattern {
			x.Pattern = p.pattern.String()
		}
		if p.required {
			x.MinLength = 1
			required = append(required, p.name)
		}
		properties[p.name] = x
	}
	b, err := json.Marshal(map[string]any{
		"type": "object", "properties": properties, "required": required, "additionalProperties": false,
	})
	if err != nil {
		panic(fmt.Sprintf("schema of %s: %v", t.name, err)) // strings and integers only: cannot happen
	}
	return b
}

// check judges one value; "" = good.
func (p param) check(v string) string {
	switch {
	case utf8.RuneCountInString(v) > p.max:
		return fmt.Sprintf("has %d characters; at most %d are allowed", utf8.RuneCountInString(v), p.max)
	case p.pattern != nil && !p.pattern.MatchString(v):
		return "must be " + p.wants
	}
	return ""
}
