package planner

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// finding is a tool's answer, whatever its shape.
type finding struct {
	failed   bool    // the tool did not do its work
	unknown  bool    // it did, and there is no such client or document
	rows     []entry // records or documents
	listed   bool    // there was a list, be it empty
	count    int     // as the tool says, else the number of rows; -1 = not said
	total    float64
	hasTotal bool
	currency string
	text     string // a plain text, or the summary beside the rows
	points   bool   // chart data are there
	reason   string // why it failed, when the tool says so in words fit for a caller
}

// entry is one record or document: its scalar members by normalised name.
type entry map[string]string

const (
	maxNodes = 20000
	maxRows  = 2000
	maxNest  = 8
)

// readFinding reads JSON of any reasonable shape, JSON within JSON, or plain text.
func readFinding(s string) *finding {
	f := &finding{count: -1}
	s = strings.TrimSpace(s)
	v, ok := decode(s)
	if !ok {
		if f.plainText(s); s != "" && (s[0] == '{' || s[0] == '[') { // it wanted to be JSON
			f.failed, f.text = true, ""
		}
		return f
	}
	w := &walker{f: f}
	w.visit("", v, 0)
	if f.count < 0 && f.listed {
		f.count = len(f.rows)
	}
	w.amounts()
	if !f.listed && f.text != "" && !f.failed {
		f.denial(f.text)
	}
	if f.listed && len(f.rows) == 0 || f.count == 0 {
		f.unknown = true
	}
	return f
}

func decode(s string) (any, bool) {
	if s == "" || s[0] != '{' && s[0] != '[' {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	return v, d.Decode(&v) == nil
}

func (f *finding) plainText(s string) {
	f.text = shorten(s, 4000)
	if s == "" || s == "null" {
		f.unknown = true
		return
	}
	f.denial(s)
}

// denial reads failures and empty hands out of words.
func (f *finding) denial(s string) {
	start := plain(read(shorten(s, 200)))
	switch {
	case has(start, "not found", "no transactions", "no records", "no results", "no documents", "nothing found", "no matching", "no data", "does not exist", "unknown client", "unknown customer", "no such", "no payments", "couldnt find", "could not find"):
		f.unknown = true
	case has(start, "error", "exception", "failed", "failure", "timeout", "timed out", "unauthorized", "forbidden", "unavailable", "could not", "couldnt", "unable to", "refused", "not sent", "invalid", "denied", "not allowed"):
		f.failed = true
	}
}

// walker goes through the value breadth before depth, so that outer members win.
type walker struct {
	f     *finding
	nodes int
	best  int
	sum   *float64
	vague *float64
}

func key(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(shorten(s, 64)))
}

const (
	rowKeys   = "transactions payments purchases orders records rows documents docs passages chunks articles results matches hits items entries data sources"
	countKeys = "count totalcount transactioncount transactionscount numtransactions numberoftransactions totaltransactions rowcount numresults n"
	totalKeys = "totalamount amounttotal sum sumamount totalvalue totalspent totalspend grandtotal amountsum"
	vagueKeys = "total net nettotal" // a sum, or a count
	textKeys  = "answer enhancedresponse response summary message text voicesummary content output description result detail"
	pointKeys = "chartdata chart series datasets points labels chartconfig image imageurl charturl url svg"
)

func (w *walker) visit(name string, v any, depth int) {
	if w.nodes++; w.nodes > maxNodes || depth > maxNest {
		return
	}
	switch x := v.(type) {
	case []any:
		w.list(name, x, depth)
	case string:
		if inner, ok := decode(strings.TrimSpace(x)); ok {
			w.visit(name, inner, depth+1)
		} else if in(key(name), textKeys) && len(x) > len(w.f.text) {
			w.f.text = shorten(x, 4000)
		}
	case map[string]any:
		for _, k := range sortedKeys(x) {
			w.member(key(k), x[k])
		}
		for _, k := range sortedKeys(x) {
			w.visit(k, x[k], depth+1)
		}
	}
}

// member takes what one scalar of an object says about the whole.
func (w *walker) member(k string, v any) {
	f := w.f
	switch x := v.(type) {
	case bool:
		if in(k, "success ok sent delivered") && !x || in(k, "iserror failed") && x {
			f.failed = true
		}
		if in(k, "found exists") && !x {
			f.unknown = true
		}
	case string:
		if n, err := strconv.ParseFloat(strings.ReplaceAll(x, ",", ""), 64); err == nil {
			w.number(k, n)
			return
		}
		switch {
		case k == "status" && in(strings.ToLower(x), "error failed failure fail timeout rejected"):
			f.failed = true
		case in(k, "error errormessage errors") && x != "":
			f.failed = true
			f.explain(x)
		case k == "currency":
			f.currency = x
		case in(k, "message detail note"):
			f.explain(x)
		}
	case map[string]any:
		if k == "error" {
			f.failed = true
			for _, n := range []string{"message", "code", "detail"} {
				if s, ok := x[n].(string); ok {
					f.explain(s)
				}
			}
		}
	case json.Number:
		if n, err := x.Float64(); err == nil {
			w.number(k, n)
		}
	}
	if in(k, pointKeys) && filledIn(v) {
		f.points = true
	}
}

func (w *walker) number(k string, n float64) {
	f := w.f
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
	case in(k, "statuscode httpstatus") && n >= 400:
		f.failed = true
	case in(k, countKeys) && f.count < 0 && n >= 0 && n == math.Trunc(n) && n < 1e9:
		f.count = int(n)
	case in(k, totalKeys) && w.sum == nil:
		w.sum = &n
	case in(k, vagueKeys) && w.vague == nil:
		w.vague = &n
	}
}

// explain reads a message: it tells "client not found" from a failure of the machine, and may be fit to
// be passed on. What looks like the inside of a program, or like an order, is not.
func (f *finding) explain(s string) {
	g := finding{}
	if g.denial(s); g.unknown {
		f.unknown = true
	}
	words := strings.Fields(s)
	if len(words) < 4 || len(words) > 35 || f.reason != "" || orders().MatchString(s) || strings.ContainsAny(s, "/_\\{}[]<>=:;@") {
		return
	}
	if first := words[0][0]; first >= 'A' && first <= 'Z' && strings.ContainsAny(s[len(s)-1:], ".?!") {
		f.reason = clean(s)
	}
}

func filledIn(v any) bool {
	switch x := v.(type) {
	case nil:
		return false
	case []any:
		return len(x) > 0
	case map[string]any:
		for _, y := range x {
			if filledIn(y) {
				return true
			}
		}
		return false
	case string:
		return x != ""
	case json.Number:
		return x != "0"
	}
	return true
}

// list takes an array for the rows when its name, or its length, makes it the best so far.
func (w *walker) list(name string, x []any, depth int) {
	rank := 1
	if in(key(name), rowKeys) || depth == 0 {
		rank = 2
	}
	var rows []entry
	for _, e := range x[:min(len(x), maxRows)] {
		switch r := e.(type) {
		case map[string]any:
			rows = append(rows, flat(r))
		case string:
			if len(r) > 30 && rank == 2 {
				rows = append(rows, entry{"text": shorten(r, 4000)})
			}
		}
	}
	if len(x) > 0 && len(rows) == 0 {
		return
	}
	if mcp := len(rows) == 1 && rows[0]["type"] == "text" && rows[0]["text"] != ""; mcp { // content parts of a tool protocol
		w.visit("text", rows[0]["text"], depth+1)
		return
	}
	if len(x) == 0 && rank == 1 {
		return
	}
	if score := rank*10000 + len(rows); score > w.best {
		w.best, w.f.rows, w.f.listed = score, rows, true
	}
	for _, e := range x[:min(len(x), 1)] { // documents may be one level down
		if m, ok := e.(map[string]any); ok {
			for _, k := range sortedKeys(m) {
				if l, isList := m[k].([]any); isList {
					w.list(k, l, depth+1)
				}
			}
		}
	}
}

func flat(m map[string]any) entry {
	out := entry{}
	for _, k := range sortedKeys(m) {
		switch x := m[k].(type) {
		case string:
			out[key(k)] = shorten(x, 4000)
		case json.Number:
			out[key(k)] = x.String()
		case bool:
			out[key(k)] = strconv.FormatBool(x)
		case map[string]any: // metadata and nested documents
			for _, n := range sortedKeys(x) {
				if s, ok := x[n].(string); ok && out[key(n)] == "" {
					out[key(n)] = shorten(s, 4000)
				}
			}
		}
	}
	return out
}

// amounts settles the total: as said, else added up. A "total" that equals the number of rows and not
// their sum is a count.
func (w *walker) amounts() {
	f := w.f
	sum, n := 0.0, 0
	for _, r := range f.rows {
		if a, ok := r.amount(); ok {
			sum += a
			n++
		}
		if f.currency == "" {
			f.currency = r["currency"]
		}
	}
	sum = math.Round(sum*100) / 100
	isCount := func(x float64) bool {
		return len(f.rows) > 0 && math.Abs(x-float64(len(f.rows))) < 1e-9 && math.Abs(x-sum) > 0.005
	}
	switch {
	case w.sum != nil:
		f.total, f.hasTotal = *w.sum, true
	case w.vague != nil && !isCount(*w.vague):
		f.total, f.hasTotal = *w.vague, true
	case n > 0 && n == f.count:
		f.total, f.hasTotal = sum, true
	}
}

func (r entry) get(keys ...string) string {
	for _, k := range keys {
		if s := r[k]; s != "" {
			return s
		}
	}
	return ""
}

func (r entry) amount() (float64, bool) {
	s := strings.TrimLeft(strings.ReplaceAll(r.get("amount", "value", "price", "total", "sum", "amountusd", "transactionamount"), ",", ""), "$€£ ")
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}
