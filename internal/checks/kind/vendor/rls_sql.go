package vendor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/voicectl/voicectl/internal/checks"
)

const (
	mostTables = 500
	mostRows   = 1000 // rows of a table that are counted
)

// databaseURL is the URL of the project's database, and the variable that it comes from.
func databaseURL(scope *checks.Scope) (string, string) {
	for _, name := range []string{"SUPABASE_DB_URL", "DATABASE_URL"} {
		v, _ := first(scope, name)
		if strings.HasPrefix(v, "postgres://") || strings.HasPrefix(v, "postgresql://") {
			return v, name
		}
	}
	return "", ""
}

// rlsBySQL reads the catalogue, and tries as the role of a stranger, in a transaction that can only read and is
// rolled back. Nothing is written: a write would run triggers, which may do what no rollback undoes.
func rlsBySQL(ctx context.Context, scope *checks.Scope, w *wish) (checks.Observation, error) {
	raw, name := databaseURL(scope)
	config, err := pgx.ParseConfig(raw)
	if err != nil {
		return checks.Observation{}, fmt.Errorf("%s is no URL of a PostgreSQL database", name) // the cause may hold the password
	}
	config.ConnectTimeout = 8 * time.Second
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler in transaction mode keeps no prepared statements
	config.RuntimeParams["application_name"] = "voicectl"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return checks.Observation{}, &databaseError{name: name, host: config.Host, err: err}
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = conn.Close(end)
	}()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly, IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return checks.Observation{}, &databaseError{name: name, host: config.Host, err: err}
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = tx.Rollback(end)
	}()
	obs, err := readRLS(ctx, tx, w)
	if err != nil {
		return checks.Observation{}, &databaseError{name: name, host: config.Host, err: err}
	}
	return obs, nil
}

// databaseError is a database that could not be looked at. It tells no user and no password.
type databaseError struct {
	name, host string
	err        error
}

func (e *databaseError) Error() string {
	var said *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(e.err, &said) && (said.Code == "28P01" || said.Code == "28000"):
		return fmt.Sprintf("%s: the database refuses user or password", e.name)
	case errors.As(e.err, &said):
		return fmt.Sprintf("%s: the database says %s %s", e.name, said.Code, said.Message)
	case errors.As(e.err, &connect):
		return fmt.Sprintf("%s: no connection to the database at %s", e.name, e.host)
	}
	return fmt.Sprintf("%s: the database at %s does not answer", e.name, e.host)
}

func (e *databaseError) Unwrap() error { return e.err }

// Temporary tells whether another attempt makes sense.
func (e *databaseError) Temporary() bool {
	var said *pgconn.PgError
	return !errors.As(e.err, &said) || strings.HasPrefix(said.Code, "53") || strings.HasPrefix(said.Code, "57")
}

// Hint is the next step.
func (e *databaseError) Hint() string {
	return "check " + e.name + ", and that this machine may reach it"
}

func readRLS(ctx context.Context, tx pgx.Tx, w *wish) (checks.Observation, error) {
	if _, err := tx.Exec(ctx, "set local statement_timeout = '5s'"); err != nil {
		return checks.Observation{}, err
	}
	var stranger bool
	if err := tx.QueryRow(ctx, "select exists (select from pg_roles where rolname = 'anon')").Scan(&stranger); err != nil {
		return checks.Observation{}, err
	}
	if !stranger {
		return checks.Unclear(map[string]any{"source": bySQL}, "the database has no role anon: it is not that of a Supabase project", checks.Fix{Text: "set SUPABASE_DB_URL to the URL of the project's database"}), nil
	}
	schemas, err := exposedSchemas(ctx, tx)
	if err != nil {
		return checks.Observation{}, err
	}
	tables, cut, err := exposedTables(ctx, tx, schemas)
	if err != nil {
		return checks.Observation{}, err
	}
	l := &ledger{rows: map[string]any{}}
	for _, name := range w.tables {
		if !slices.ContainsFunc(tables, func(t table) bool { return t.name == name || t.name == "public."+name }) {
			l.doubt("%s: there is no such table in the schemas %s", name, strings.Join(schemas, ", "))
		}
	}
	if cut {
		l.doubt("there are more than %d tables; the rest was not looked at", mostTables)
	}
	for _, t := range tables {
		if !w.asks(t.name) {
			continue
		}
		l.looked++
		if err := judgeTable(ctx, tx, w, l, t); err != nil {
			return checks.Observation{}, err
		}
	}
	wanted := "row-level security on for every exposed table"
	if w.read || w.write {
		wanted = "a stranger does with each table what is allowed, and no more"
	}
	return l.fold(bySQL, wanted), nil
}

// exposedSchemas are those that the interface over HTTP serves, as its role is configured.
func exposedSchemas(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `select unnest(s.setconfig) from pg_db_role_setting s join pg_roles r on r.oid = s.setrole where r.rolname = 'authenticator'`)
	if err != nil {
		return nil, err
	}
	settings, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for _, s := range settings {
		list, ok := strings.CutPrefix(s, "pgrst.db_schemas=")
		if !ok {
			continue
		}
		var out []string
		for _, name := range strings.Split(list, ",") {
			if name = strings.Trim(strings.TrimSpace(name), `"`); name != "" {
				out = append(out, name)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return []string{"public"}, nil
}

const tablesQuery = `
select n.nspname || '.' || c.relname,
       case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'f' then 'foreign table' when 'v' then 'view' else 'materialized view' end,
       c.relrowsecurity or c.relkind = 'v' and coalesce(array_to_string(c.reloptions, ',') ~* 'security_invoker=(true|on|1|yes)', false),
       (select count(*) from pg_policy p where p.polrelid = c.oid)::int,
       array(select g from unnest(array['SELECT','INSERT','UPDATE','DELETE']) g, pg_roles r where r.rolname = 'anon'
             and (has_table_privilege(r.oid, c.oid, g) or g <> 'DELETE' and has_any_column_privilege(r.oid, c.oid, g))),
       array(select g from unnest(array['SELECT','INSERT','UPDATE','DELETE']) g, pg_roles r where r.rolname = 'authenticated'
             and (has_table_privilege(r.oid, c.oid, g) or g <> 'DELETE' and has_any_column_privilege(r.oid, c.oid, g)))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r','p','f','v','m') and n.nspname = any($1)
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1 limit $2`

// exposedTables lists what the interface could serve. What an extension brought along is left out.
func exposedTables(ctx context.Context, tx pgx.Tx, schemas []string) (out []table, cut bool, err error) {
	rows, err := tx.Query(ctx, tablesQuery, schemas, mostTables+1)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		t := table{grants: map[string][]string{}}
		var anon, authenticated []string
		if err := rows.Scan(&t.name, &t.kind, &t.on, &t.policies, &anon, &authenticated); err != nil {
			return nil, false, err
		}
		t.grants["anon"], t.grants["authenticated"] = anon, authenticated
		out = append(out, t)
	}
	if len(out) > mostTables {
		out, cut = out[:mostTables], true
	}
	return out, cut, rows.Err()
}
