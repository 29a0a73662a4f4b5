package planner

import (
	"slices"
	"strings"
	"sync"
	"unicode"
)

// ability is what a tool is good for.
type ability string

const (
	canNothing   ability = ""
	canRecords   ability = "records"
	canMail      ability = "mail"
	canChart     ability = "chart"
	canDocuments ability = "documents"
	canWeb       ability = "web"
)

// trait teaches how to recognise a tool. Weights of name tokens may be negative: "search_emails" sends
// none. A description only ever adds, because it often says when not to use the tool.
type trait struct {
	ability ability
	name    string
	about   string
	roles   map[role]float64
	least   float64
}

//nolint:gochecknoglobals // table
var traits = []trait{
	{
		canRecords,
		`transact*:4 payment*:4 purchase*:4 spending:3 order*:2 account*:2 client*:2 customer*:2 histor*:1.5 record*:1.5 ledger:3 statement*:2
		query:1 get:.5 fetch:.5 lookup:1 list:.5 find:.5 chart*:-6 graph*:-6 plot*:-6 visual*:-6 email*:-6 mail*:-6 send*:-5 document*:-4 web:-5
		profile:-2 create*:-3 delete*:-4 update*:-3 cancel*:-3 refund:-1 report*:-1`,
		`transact*:2 payment*:2 purchase*:1.5 spending:1.5 client*:.5 customer*:.5`,
		map[role]float64{roleClient: 3, roleTo: -3, roleQuery: .5},
		4,
	},
	{
		canMail,
		`email*:5 mail*:5 send*:2.5 deliver*:2 forward*:2 notify:1.5 report*:1 message*:1 share*:1.5 search*:-4 read*:-4 list*:-3 get:-3 find:-3 sms:-4 verify:-4 validate:-4`,
		`email*:2.5 mail*:2.5 send*:1.5 recipient*:1.5`,
		map[role]float64{roleTo: 4, roleSubject: 1.5, roleClient: .5},
		5,
	},
	{
		canChart,
		`chart*:6 graph*:6 plot*:6 visual*:6 diagram*:6 draw*:4 histogram*:5 figure*:2 email*:-4 send*:-4 delete*:-4`,
		`chart*:2.5 graph*:2 plot*:2 visual*:2 diagram*:2`,
		map[role]float64{roleClient: 1, roleTo: -4},
		4,
	},
	{
		canDocuments,
		`document*:5 doc:5 docs:5 knowledge:5 kb:5 faq*:5 polic*:4 rag:5 retriev*:3 corpus:4 manual*:4 article*:4 handbook:4 passage*:4 wiki:3 internal:2 semantic:2
		vector:3 company:2 help:1 support:1 ask:1 search*:1.5 lookup:1 query:1 web:-6 internet:-6 online:-4 google:-6 bing:-6 browse*:-5 news:-3 email*:-5 mail*:-5
		send*:-5 transact*:-5 payment*:-4 chart*:-6 upload*:-5 delete*:-5 create*:-4 client*:-3 customer*:-3`,
		`document*:2 knowledge:2 polic*:1.5 faq*:1.5 internal:1 company:1 passage*:1 retriev*:1 handbook:1`,
		map[role]float64{roleQuery: 2, roleClient: -3, roleTo: -5},
		4,
	},
	{
		canWeb,
		`web:5 internet:5 online:4 google*:5 bing:5 brave:3 tavily:5 duckduckgo:5 browse*:4 browser:3 news:2 world:1 search*:1.5 lookup:1 current:1 document*:-5 docs:-5
		knowledge:-5 email*:-5 transact*:-5 chart*:-5 close:-4 client*:-3`,
		`web:2.5 internet:2.5 online:1.5 current:.5 news:.5`,
		map[role]float64{roleQuery: 2, roleClient: -3, roleTo: -5},
		5,
	},
}

// toolbox knows what each offered tool is good for.
type toolbox struct {
	tools []Tool
	can   map[ability]*Tool
}

const (
	maxTools      = 128
	maxAbout      = 1000 // bytes of a description
	aboutCeiling  = 4.0
	nameTokensMax = 16
)

func newToolbox(tools []Tool) *toolbox {
	b := &toolbox{tools: tools[:min(len(tools), maxTools)], can: map[ability]*Tool{}}
	type match struct {
		score float64
		trait int
		tool  int
	}
	var all []match
	for i, t := range b.tools {
		params := parameters(t.Parameters)
		for j, tr := range traits {
			if s := tr.score(t, params); s >= tr.least {
				all = append(all, match{s, j, i})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b match) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return a.tool - b.tool
	})
	taken := map[int]bool{}
	for _, m := range all { // the best pair first; a tool serves one purpose
		if a := traits[m.trait].ability; b.can[a] == nil && !taken[m.tool] {
			b.can[a], taken[m.tool] = &b.tools[m.tool], true
		}
	}
	return b
}

// does names the ability that a tool was chosen for.
func (b *toolbox) does(name string) ability {
	for _, tr := range traits {
		if t := b.can[tr.ability]; t != nil && t.Name == name {
			return tr.ability
		}
	}
	return canNothing
}

func (b *toolbox) named(name string) *Tool {
	for i := range b.tools {
		if b.tools[i].Name == name {
			return &b.tools[i]
		}
	}
	return nil
}

func (tr trait) score(t Tool, params []param) float64 {
	s := stems(vocabulary()[tr.name], nameTokens(t.Name))
	if s < -2 {
		return s
	}
	var about []string
	for _, w := range read(shorten(t.Description, maxAbout)) {
		about = append(about, w.text)
	}
	s += min(stems(vocabulary()[tr.about], about), aboutCeiling)
	seen := map[role]bool{}
	for _, p := range params {
		if !seen[p.role] {
			seen[p.role] = true
			s += tr.roles[p.role]
		}
	}
	return s
}

type stem struct {
	text   string
	open   bool // longer words count too
	weight float64
}

//nolint:gochecknoglobals // built once from the table
var vocabulary = sync.OnceValue(func() map[string][]stem {
	out := map[string][]stem{}
	for _, tr := range traits {
		for _, list := range []string{tr.name, tr.about} {
			for _, f := range strings.Fields(list) {
				text, weight := weighted(f)
				text, open := strings.CutSuffix(text, "*")
				out[list] = append(out[list], stem{text, open, weight})
			}
		}
	}
	return out
})

// stems adds up a weighted list over words; each entry counts once.
func stems(list []stem, ws []string) float64 {
	total := 0.0
	for _, s := range list {
		if slices.ContainsFunc(ws, func(w string) bool { return w == s.text || s.open && strings.HasPrefix(w, s.text) }) {
			total += s.weight
		}
	}
	return total
}

// nameTokens splits snake_case, kebab-case and camelCase.
func nameTokens(name string) []string {
	var out []string
	var cur []rune
	flush := func() {
		if len(cur) > 0 && len(out) < nameTokensMax {
			out = append(out, strings.ToLower(string(cur)))
		}
		cur = cur[:0]
	}
	runes := []rune(shorten(name, 128))
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])):
			flush()
		}
		cur = append(cur, r)
	}
	flush()
	return out
}
