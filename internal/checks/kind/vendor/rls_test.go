package vendor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/test/postgres"
)

// project is a database as a Supabase project has it: the roles, the function that tells who is signed in, and
// tables with policies of every kind.
var project = []string{
	`create role anon nologin`, `create role authenticated nologin`, `create role authenticator noinherit login password 'sentinel-authenticator'`,
	`alter role authenticator set pgrst.db_schemas = 'public, api'`, `grant anon, authenticated to authenticator`,
	`create schema auth`, `create schema api`, `create schema hidden`, `grant usage on schema public, api, auth to anon, authenticated`,
	`create function auth.uid() returns uuid language sql stable as $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$`,
	`create function auth.role() returns text language sql stable as $$ select nullif(current_setting('request.jwt.claim.role', true), '') $$`,

	`create table public.clients (id int primary key, owner uuid not null)`,
	`insert into public.clients select n, '6926713d-5a3c-4d5c-9a1e-0242ac120002' from generate_series(1, 7) n`,
	`alter table public.clients enable row level security`,
	`create policy own_read on public.clients for select using (auth.uid() = owner)`,
	`create policy own_write on public.clients for all using (auth.uid() = owner) with check (auth.uid() = owner)`,
	`grant all on public.clients to anon, authenticated`,

	`create table public.menu (id int, dish text)`, `insert into public.menu values (1, 'soup'), (2, 'fish')`,
	`alter table public.menu enable row level security`, `create policy everybody on public.menu for select to anon, authenticated using (true)`,
	`grant select on public.menu to anon, authenticated`,

	`create table public."Odd.Name" (id int)`, `insert into public."Odd.Name" values (1)`, `alter table public."Odd.Name" enable row level security`,
	`grant select on public."Odd.Name" to anon`,

	`create table public.drafts (id int)`, `alter table public.drafts enable row level security`,
	`create policy signed_in on public.drafts using (auth.role() = 'authenticated')`, `grant select, insert on public.drafts to anon, authenticated`,

	`create table public.audit (id int)`, `insert into public.audit values (1)`, // off, and granted to nobody
	`create table hidden.secrets (id int)`, `insert into hidden.secrets values (1)`, `grant all on hidden.secrets to anon`, // not exposed
}

// Tier: ci.
func TestRLS_OnARealDatabase(t *testing.T) {
	pg, err := postgres.New("max_connections=20")
	if errors.Is(err, postgres.ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Remove(); err != nil {
			t.Error(err)
		}
	})
	sql := func(statements ...string) {
		t.Helper()
		if _, err := pg.SQL("postgres", statements...); err != nil {
			t.Fatal(err)
		}
	}
	given := vars{"SUPABASE_URL": "https://abcdefghij.supabase.co", "SUPABASE_ANON_KEY": "sb_publishable_abcdefghijklmnop", "SUPABASE_DB_URL": pg.URL("postgres")}
	on := with{"tables": []any{"all"}, "source": []any{"advisor", "sql"}}
	if f := look(t, &checks.Scope{Env: env(given, nil)}, "supabase.rls", on); f.State != checks.Inconclusive || !strings.Contains(f.Wanted, "no role anon") {
		t.Errorf("a database of something else: %+v", f)
	}
	sql(project...)
	matrix := func(tables ...any) with {
		return with{"tables": tables, "op": []any{"read", "write"}, "expect": "policy-matrix", "allow": map[string]any{"menu": []any{"read"}}}
	}
	for _, c := range []struct {
		name, change, undo string
		env                vars
		with               with
		want               checks.State
		says               string
	}{
		{name: "the protection is on everywhere", with: on, want: checks.Pass, says: "looked_at:5"},
		{
			name: "it is switched off for one", change: `alter table public.clients disable row level security`, undo: `alter table public.clients enable row level security`,
			with: on, want: checks.Fail, says: "public.clients: row-level security is off",
		},
		{
			name: "a table of the second schema is open", change: `create table api.v2 (id int); grant select on api.v2 to authenticated`, undo: `drop table api.v2`,
			with: on, want: checks.Fail, says: "api.v2: row-level security is off",
		},
		{
			name: "a column alone is granted", change: `create table public.part (id int, name text); grant select (name) on public.part to anon`, undo: `drop table public.part`,
			with: on, want: checks.Fail, says: "public.part: row-level security is off",
		},
		{
			name: "a partitioned table is open", change: `create table public.log (id int) partition by range (id); grant select on public.log to anon`, undo: `drop table public.log`,
			with: on, want: checks.Fail, says: "public.log (partitioned table): row-level",
		},
		{
			name: "a view passes over the protection", change: `create view public.peek as select id from public.clients; grant select on public.peek to anon`, undo: `drop view public.peek`,
			with: on, want: checks.Fail, says: "public.peek (view): row-level",
		},
		{
			name: "a view that keeps it", change: `create view public.peek with (security_invoker = true) as select id from public.clients; grant select on public.peek to anon`, undo: `drop view public.peek`,
			with: on, want: checks.Pass, says: "looked_at:6",
		},

		{name: "no stranger sees or changes a row", with: matrix("clients", "menu", "audit", "Odd.Name"), want: checks.Pass, says: "none of 7 rows"},
		{name: "the listed tables", with: matrix("listed"), want: checks.Pass, says: "2 rows, as allowed"},
		{name: "an empty table decides nothing", with: matrix("clients", "drafts"), want: checks.Inconclusive, says: "public.drafts is empty"},
		{name: "reading is not meant", with: with{"tables": []any{"menu"}, "op": []any{"read"}}, want: checks.Fail, says: "public.menu: a stranger reads 2 rows"},
		{name: "a table that is not there", with: matrix("customers"), want: checks.Inconclusive, says: "no table was found"},
		{name: "one that is not there beside one that is", with: matrix("customers", "clients"), want: checks.Inconclusive, says: "customers: there is no such table"},
		{
			name: "it is switched off for one, and a stranger reads and writes", change: `alter table public.clients disable row level security`, undo: `alter table public.clients enable row level security`,
			with: matrix("clients"), want: checks.Fail, says: "a stranger may insert, update, delete",
		},
		{
			name: "a policy lets everybody in", change: `create policy oops on public.clients for select using (true)`, undo: `drop policy oops on public.clients`,
			with: matrix("clients"), want: checks.Fail, says: "public.clients: a stranger reads 7 rows",
		},
		{
			name: "a policy lets everybody write", change: `create policy oops on public.clients for insert with check (true)`, undo: `drop policy oops on public.clients`,
			with: matrix("clients"), want: checks.Fail, says: "a stranger may insert",
		},
		{
			name: "a policy lets everybody change some rows", change: `create policy oops on public.clients for update to anon using (id < 3)`, undo: `drop policy oops on public.clients`,
			with: matrix("clients"), want: checks.Fail, says: "a stranger may update",
		},
		{
			name: "a second policy takes it back", change: `create policy oops on public.clients for delete using (true); create policy no on public.clients as restrictive using (auth.role() = 'authenticated')`,
			undo: `drop policy oops on public.clients; drop policy no on public.clients`,
			with: matrix("clients"), want: checks.Pass, says: "none of 7 rows",
		},
		{
			name: "what is meant for everybody is shut", change: `drop policy everybody on public.menu`, undo: `create policy everybody on public.menu for select to anon using (true)`,
			with: matrix("menu"), want: checks.Fail, says: "should read it, and sees none of 2 rows",
		},

		{name: "the URL of another variable", env: vars{"SUPABASE_DB_URL": "", "DATABASE_URL": pg.URL("postgres")}, with: on, want: checks.Pass, says: "source:sql"},
		{name: "a file is no database of the project", env: vars{"SUPABASE_DB_URL": "", "DATABASE_URL": "sqlite:calls.db"}, with: on, want: checks.Skip, says: "SUPABASE_DB_URL"},
		{
			name: "a user who does not see all rows", env: vars{"SUPABASE_DB_URL": strings.Replace(pg.URL("postgres"), postgres.User+":"+postgres.Password, "authenticator:sentinel-authenticator", 1)},
			with: with{"tables": []any{"clients"}, "op": []any{"read"}}, want: checks.Inconclusive, says: "may not see all its rows",
		},
		{
			name: "a wrong password", env: vars{"SUPABASE_DB_URL": strings.Replace(pg.URL("postgres"), postgres.Password, "sentinel-of-nobody", 1)},
			with: on, want: checks.Error, says: "refuses user or password",
		},
		{name: "no server", env: vars{"SUPABASE_DB_URL": "postgres://u:sentinel-of-nobody@" + strings.TrimPrefix(gone(t), "http://") + "/postgres"}, with: on, want: checks.Error, says: "no connection to the database at 127.0.0.1"},
		{name: "an address that is none", env: vars{"SUPABASE_DB_URL": "postgres://u:sentinel-of-nobody@[/x"}, with: on, want: checks.Error, says: "no URL of a PostgreSQL database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.change != "" {
				sql(c.change)
				defer sql(c.undo)
			}
			f := look(t, &checks.Scope{Env: env(given, c.env)}, "supabase.rls", c.with)
			text := fmt.Sprintf("%+v", f)
			if f.State != c.want || !strings.Contains(text, c.says) || strings.Contains(text, "sentinel") {
				t.Errorf("got %s, want %s with %q:\n%s", f.State, c.want, c.says, text)
			}
		})
	}

	sql(`create database plain`)
	f := look(t, &checks.Scope{Env: env(given, vars{"SUPABASE_DB_URL": pg.URL("plain")})}, "supabase.rls", on)
	if f.State != checks.Inconclusive || !strings.Contains(f.Wanted, "no table was found") {
		t.Errorf("a database without a table: %+v", f)
	}
	if left, err := pg.SQL("postgres", `select (select count(*) from public.clients) || ' ' || (select count(*) from public.drafts) || ' ' || (select count(*) from pg_stat_activity where application_name = 'voicectl')`); err != nil || left != "7 0 0" {
		t.Errorf("after all looks: %q %v", left, err)
	}
}
