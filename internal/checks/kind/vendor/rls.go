package vendor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// The ways to look at row-level security.
const (
	byAdvisor = "advisor"
	bySQL     = "sql"
	byProbe   = "probe"
)

func supabaseRLS() *checks.Kind {
	return &checks.Kind{ //nolint:gosec // Passes is no password
		Name: "supabase.rls", Title: "Every table is protected row by row, and a stranger sees what he may",
		Passes: "row-level security is on for every table that the interface exposes; and, where reading and writing are asked about, nobody without an account reads or writes more than is allowed",
		Why:    "The public key lies in every browser. Where a table is not protected, it opens all rows of all customers.",
		Fix:    "switch row-level security on and write a policy for each role that should see rows",
		Source: "Supabase documentation, Row Level Security; database linter 0013", Saves: "table, on or off, what a stranger could do, counts; never a row",
		Severity: checks.Block, Timeout: patience, Needs: []checks.Need{checks.NeedVar("SUPABASE_URL"), checks.NeedVar("SUPABASE_ANON_KEY")},
		Params: []checks.Param{
			{Name: "tables", Type: checks.List, Default: []string{"all"}, Doc: "tables, as name or schema.name; all: those that are exposed; listed: those of the parameter allow, else all"},
			{Name: "op", Type: checks.List, OneOf: []string{"read", "write"}, Doc: "what a stranger shall not be able to do; nothing: only whether the protection is on"},
			{Name: "source", Type: checks.List, OneOf: []string{byAdvisor, bySQL, byProbe}, Doc: "how to look, the first that can be used: advisor (SUPABASE_ACCESS_TOKEN), sql (SUPABASE_DB_URL or DATABASE_URL), probe (the public key); default sql and advisor, and probe where reading is asked about"},
			{Name: "expect", Type: checks.Text, OneOf: []string{"on", "policy-matrix"}, Doc: "on: the protection; policy-matrix: what a stranger can do equals the parameter allow"},
			{Name: "allow", Type: checks.Map, Doc: "what a stranger may do, by table: menu: [read]"},
		},
		Look: lookRLS,
	}
}

// wish is what is asked about row-level security.
type wish struct {
	tables      []string // nil = all
	read, write bool
	allow       map[string][]string
}

// may tells whether a stranger is meant to do something with a table.
func (w *wish) may(table, op string) bool {
	return slices.Contains(w.allow[table], op) || slices.Contains(w.allow[strings.TrimPrefix(table, "public.")], op)
}

// asks tells whether a table is one of those that are asked about.
func (w *wish) asks(table string) bool {
	return w.tables == nil || slices.Contains(w.tables, table) || slices.Contains(w.tables, strings.TrimPrefix(table, "public."))
}

var errAllow = errors.New("the parameter allow is a map of tables, each with a list of read and write")

func wishOf(with checks.Values) (*wish, error) {
	w := &wish{allow: map[string][]string{}}
	for table, ops := range with.Map("allow") {
		list, ok := ops.([]any)
		if !ok {
			return nil, errAllow
		}
		for _, op := range list {
			if op != "read" && op != "write" {
				return nil, errAllow
			}
			w.allow[table] = append(w.allow[table], fmt.Sprint(op))
		}
	}
	for _, t := range with.List("tables") {
		switch t {
		case "all":
		case "listed":
			w.tables = append(w.tables, slices.Sorted(maps.Keys(w.allow))...)
		default:
			w.tables = append(w.tables, t)
		}
	}
	w.read, w.write = slices.Contains(with.List("op"), "read"), slices.Contains(with.List("op"), "write")
	if with.Text("expect") == "policy-matrix" && !w.read && !w.write {
		w.read, w.write = true, true
	}
	return w, nil
}

// sources are the ways to look, in the order in which they are tried.
func (w *wish) sources(with checks.Values) []string {
	if given := with.List("source"); len(given) > 0 {
		return given
	}
	if w.read || w.write {
		return []string{bySQL, byProbe}
	}
	return []string{bySQL, byAdvisor}
}

func lookRLS(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	w, err := wishOf(with)
	if err != nil {
		return checks.Observation{}, err
	}
	var fixes []string
	for _, source := range w.sources(with) {
		switch source {
		case bySQL:
			if _, name := databaseURL(scope); name != "" {
				return rlsBySQL(ctx, scope, w)
			}
			fixes = append(fixes, "set SUPABASE_DB_URL to the database's URL (a user that may read the catalogue)")
		case byAdvisor:
			if w.read || w.write {
				continue // it judges settings and proves no policy
			}
			if token, _ := first(scope, "SUPABASE_ACCESS_TOKEN"); token != "" && projectRef(scope) != "" {
				return rlsByAdvisor(ctx, scope, token)
			}
			fixes = append(fixes, "set SUPABASE_ACCESS_TOKEN to a personal access token (sbp_…)")
		case byProbe:
			if w.tables != nil {
				return rlsByProbe(ctx, scope, w)
			}
			fixes = append(fixes, "name the tables in the checklist: with: {tables: [orders, clients]}")
		}
	}
	return checks.Skipped("there is no way to look at the protection of rows", checks.Fix{Text: strings.Join(fixes, "; or ")}), nil
}

// table is what was found out about one table.
type table struct {
	name     string // schema.name
	kind     string // table, partitioned table, view, …
	on       bool
	policies int
	grants   map[string][]string // role -> SELECT, INSERT, UPDATE, DELETE
}

// ledger gathers what is told about tables.
type ledger struct {
	rows             map[string]any
	problems, doubts []checks.Problem
	looked           int
}

func (l *ledger) bad(format string, args ...any) {
	l.problems = append(l.problems, checks.Problem{Text: fmt.Sprintf(format, args...)})
}

func (l *ledger) doubt(format string, args ...any) {
	l.doubts = append(l.doubts, checks.Problem{Text: fmt.Sprintf(format, args...)})
}

// fold makes an observation of the ledger. A doubt is never a pass.
func (l *ledger) fold(source, wanted string) checks.Observation {
	saw := map[string]any{"source": source, "tables": l.rows, "looked_at": l.looked}
	fix := checks.Fix{Text: "switch row-level security on and write a policy for each role that should see rows", Commands: []string{"alter table SCHEMA.TABLE enable row level security;"}}
	switch {
	case len(l.problems) > 0:
		return checks.Failed(saw, wanted, fix, append(l.problems, l.doubts...)...)
	case l.looked == 0:
		return checks.Unclear(saw, "no table was found to look at", checks.Fix{Text: "check the names of tables and schemas, and that the URL is that of the project's database"})
	case len(l.doubts) > 0:
		obs := checks.Unclear(saw, "a look that decides: "+l.doubts[0].Text, checks.Fix{Text: "put a row into each empty table of a staging project, and look there"})
		obs.Problems = l.doubts
		return obs
	}
	return checks.Passed(saw)
}
