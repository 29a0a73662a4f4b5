package vendor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// judgeTable holds one table against the wish.
func judgeTable(ctx context.Context, tx pgx.Tx, w *wish, l *ledger, t table) error {
	facts := map[string]any{"kind": t.kind, "on": t.on, "policies": t.policies, "anon": t.grants["anon"], "authenticated": t.grants["authenticated"]}
	l.rows[t.name] = facts
	granted := len(t.grants["anon"])+len(t.grants["authenticated"]) > 0
	if !w.read && !w.write {
		if !t.on && granted {
			l.bad("%s: row-level security is off, and the interface may use it", t.name+kindOf(t))
		}
		return nil
	}
	if w.read {
		if err := judgeRead(ctx, tx, w, l, t, facts); err != nil {
			return err
		}
	}
	if w.write {
		return judgeWrite(ctx, tx, w, l, t, facts)
	}
	return nil
}

func kindOf(t table) string {
	if t.kind == "table" {
		return ""
	}
	return " (" + t.kind + ")"
}

// judgeRead counts the rows that a stranger sees, and the rows that there are.
func judgeRead(ctx context.Context, tx pgx.Tx, w *wish, l *ledger, t table, facts map[string]any) error {
	allowed := w.may(t.name, "read")
	seen, code, err := count(ctx, tx, "anon", t.name, "true")
	if err != nil {
		return err
	}
	switch {
	case code == "42501" && !allowed:
		facts["read"] = "refused"
		return nil
	case code == "42501":
		l.bad("%s: a stranger should read it, and is refused", t.name)
		return nil
	case code != "":
		l.doubt("%s: reading as a stranger ends with %s", t.name, code)
		return nil
	case seen > 0 && allowed:
		facts["read"] = fmt.Sprintf("%s, as allowed", rowsOf(seen))
		return nil
	case seen > 0:
		facts["read"] = rowsOf(seen)
		l.bad("%s: a stranger reads %s", t.name, rowsOf(seen))
		return nil
	}
	all, code, err := count(ctx, tx, "", t.name, "true")
	if err != nil {
		return err
	}
	facts["read"] = "no row"
	switch {
	case code != "":
		l.doubt("%s: the user of the URL may not see all its rows (%s), so that none for a stranger says nothing", t.name, code)
	case all == 0:
		facts["read"] = "empty"
		l.doubt("%s is empty: that a stranger sees no row says nothing", t.name)
	case allowed:
		l.bad("%s: a stranger should read it, and sees none of %s", t.name, rowsOf(all))
	default:
		facts["read"] = fmt.Sprintf("none of %s", rowsOf(all))
	}
	return nil
}

func rowsOf(n int) string {
	switch {
	case n > mostRows:
		return fmt.Sprintf("more than %d rows", mostRows)
	case n == 1:
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// commands are the letters by which pg_policy knows the ways to write.
var commands = []struct{ letter, grant string }{{"a", "INSERT"}, {"w", "UPDATE"}, {"d", "DELETE"}} //nolint:gochecknoglobals // a table

// judgeWrite finds out whether a stranger could write, without writing: the privilege, and a policy whose
// condition holds for a row that is there while nobody is signed in.
func judgeWrite(ctx context.Context, tx pgx.Tx, w *wish, l *ledger, t table, facts map[string]any) error {
	allowed := w.may(t.name, "write")
	can, doubt := []string{}, false
	for _, c := range commands {
		if !slices.Contains(t.grants["anon"], c.grant) {
			continue
		}
		if !t.on || t.kind == "view" {
			if t.kind == "view" {
				l.doubt("%s: what a stranger writes through a view is decided by the tables below it", t.name)
				doubt = true
				continue
			}
			can = append(can, c.grant)
			continue
		}
		open, sure, err := policyLetsWrite(ctx, tx, t, c.letter)
		if err != nil {
			return err
		}
		switch {
		case open:
			can = append(can, c.grant)
		case !sure:
			doubt = true
			l.doubt("%s: whether its policy lets a stranger %s cannot be told, as no row is there to try it with", t.name, strings.ToLower(c.grant))
		}
	}
	facts["write"] = can
	switch {
	case len(can) > 0 && !allowed:
		l.bad("%s: a stranger may %s", t.name, strings.ToLower(strings.Join(can, ", ")))
	case len(can) == 0 && allowed && !doubt:
		l.bad("%s: a stranger should write to it, and may not", t.name)
	}
	return nil
}

// policyLetsWrite tries the conditions of the policies for one command on the rows that are there. sure is false
// when there is a condition and nothing to try it on.
func policyLetsWrite(ctx context.Context, tx pgx.Tx, t table, letter string) (open, sure bool, err error) {
	rows, err := tx.Query(ctx, `
select p.polpermissive, coalesce(case when $2 = 'a' then pg_get_expr(p.polwithcheck, p.polrelid) else pg_get_expr(p.polqual, p.polrelid) end,
                                 pg_get_expr(p.polqual, p.polrelid), 'true')
from pg_policy p where p.polrelid = $1::text::regclass and p.polcmd in ('*', $2::"char")
  and (p.polroles @> array[0::oid] or p.polroles && array(select oid from pg_roles where rolname = 'anon'))`, quoted(t.name), letter)
	if err != nil {
		return false, false, err
	}
	defer rows.Close()
	var permissive, restrictive []string
	for rows.Next() {
		var lets bool
		var condition string
		if err := rows.Scan(&lets, &condition); err != nil {
			return false, false, err
		}
		if lets {
			permissive = append(permissive, "("+condition+")")
		} else {
			restrictive = append(restrictive, "("+condition+")")
		}
	}
	if err := rows.Err(); err != nil {
		return false, false, err
	}
	if len(permissive) == 0 {
		return false, true, nil
	}
	condition := strings.Join(append(restrictive, "("+strings.Join(permissive, " or ")+")"), " and ")
	if len(restrictive) == 0 && slices.Contains(permissive, "(true)") {
		return true, true, nil
	}
	hit, code, err := count(ctx, tx, "", t.name, condition)
	if err != nil || code != "" {
		return false, false, err
	}
	if hit > 0 {
		return true, true, nil
	}
	all, code, err := count(ctx, tx, "", t.name, "true")
	return false, code == "" && all > 0, err
}

// count counts rows of a table as a role ("" = the user of the URL, who must see them all), up to a bound, with
// the settings of a request that nobody signed in for. A refusal of the database is told by its code.
func count(ctx context.Context, tx pgx.Tx, role, name, condition string) (n int, code string, err error) {
	sub, err := tx.Begin(ctx)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, sub.Rollback(ctx)) }()
	become := "set local row_security = off"
	if role != "" {
		become = "set local role " + pgx.Identifier{role}.Sanitize()
	}
	for _, statement := range []string{
		`select set_config('request.jwt.claims', '{"role":"anon"}', true), set_config('request.jwt.claim.role', 'anon', true), set_config('request.jwt.claim.sub', '', true)`,
		become,
	} {
		if _, err := sub.Exec(ctx, statement); err != nil {
			return codeOf(err)
		}
	}
	query := fmt.Sprintf("select count(*)::int from (select from %s where %s limit %d) found", quoted(name), condition, mostRows+1)
	if err := sub.QueryRow(ctx, query).Scan(&n); err != nil {
		return codeOf(err)
	}
	return n, "", nil
}

// codeOf tells a refusal of the database from a connection that broke.
func codeOf(err error) (int, string, error) {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return 0, said.Code, nil
	}
	return 0, "", err
}

// quoted is schema.name with each part quoted; a name may hold dots, a schema of the interface does not.
func quoted(name string) string {
	schema, rest, _ := strings.Cut(name, ".")
	return pgx.Identifier{schema, rest}.Sanitize()
}
