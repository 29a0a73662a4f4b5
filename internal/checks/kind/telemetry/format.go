package telemetry

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

func logFormat() *checks.Kind {
	return &checks.Kind{
		Name: "log.format", Title: "Log lines can be parsed and followed",
		Passes: "every line has the fields; a session or a request can be followed from line to line; the log cannot fill the disk",
		Why:    "At night a log is searched and not read. A line without time, level and session cannot be found.",
		Fix:    "log JSON, one object a line, with ts, level, msg and the id of session or request", Source: "The twelve-factor app, XI. Logs",
		Saves: "sample size, parse ratio, a masked line that does not parse", Severity: checks.Warns, Needs: []checks.Need{checks.NeedLogs},
		Params: []checks.Param{
			{Name: "fields", Type: checks.List, OneOf: []string{"ts", "level", "msg", "session", "request_id"}, Doc: "fields; ts, level and msg on every line, session and request_id on those of a session or a request"},
			{Name: "json", Type: checks.Switch, Default: false, Doc: "every line is JSON"},
			{Name: "kind", Type: checks.Text, OneOf: []string{"access"}, Doc: "access: there are lines of requests with method, path and status"},
			{Name: "links", Type: checks.Whole, Default: 2, Doc: "lines that the id of one session or request must link"},
			{Name: "rotation", Type: checks.List, OneOf: []string{"size", "age", "stdout"}, Doc: "ways of bounding the log, of which one must be in use"},
			{Name: "max_mb", Type: checks.Number, Default: 100.0, Doc: "size in MB at which a file is rotated"},
			{Name: "files", Type: checks.Whole, Default: 10, Doc: "files that are kept"},
		},
		Look: lookFormat,
	}
}

func lookFormat(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	if len(with.List("rotation")) > 0 {
		return lookRotation(ctx, scope, with)
	}
	lines, err := read(scope, scope.Logs)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := map[string]any{"lines": len(lines)}
	if len(lines) == 0 {
		return checks.Unclear(saw, "there is no log line", checks.Fix{Text: "let the backend run, and talk to it"}), nil
	}
	if with.Text("kind") == "access" {
		return judgeAccess(lines, saw), nil
	}
	var problems []checks.Problem
	parsed := 0
	for i := range lines {
		if lack := lacks(&lines[i], with); lack != "" {
			if len(problems) < 20 {
				problems = append(problems, checks.Problem{Text: fmt.Sprintf("line %d has no %s: %s", i+1, lack, samples(lines[i : i+1])[0])})
			}
			continue
		}
		parsed++
	}
	saw["parsed"], saw["ratio"] = parsed, float64(parsed)/float64(len(lines))
	for _, id := range []string{"session", "request_id"} {
		if !slices.Contains(with.List("fields"), id) {
			continue
		}
		most, n := linked(lines, id)
		saw[id+"_linked_lines"], saw[id+"_lines"] = most, n
		if most < with.Whole("links") {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("no %s is on %d lines; %d lines have one at all", id, with.Whole("links"), n)})
		}
	}
	if len(problems) > 0 {
		return checks.Failed(saw, "every line with "+strings.Join(with.List("fields"), ", "), checks.Fix{}, problems...), nil
	}
	return checks.Passed(saw), nil
}

// lacks names the first thing that a line does not have.
func lacks(l *line, with checks.Values) string {
	if with.Switch("json") && !l.json {
		return "JSON object"
	}
	for _, f := range with.List("fields") {
		switch {
		case f == "session", f == "request_id":
		case l.fields[f] == "":
			return f
		case f == "ts" && l.at.IsZero():
			return "readable ts"
		case f == "level" && severity(l.fields[f]) == 0:
			return "known level"
		}
	}
	return ""
}

// linked returns how many lines the most frequent id stands on, and how many lines have one.
func linked(lines []line, id string) (most, with int) {
	count := map[string]int{}
	for i := range lines {
		if v := lines[i].fields[id]; v != "" {
			count[v]++
			with++
			most = max(most, count[v])
		}
	}
	return most, with
}

func judgeAccess(lines []line, saw map[string]any) checks.Observation {
	n := 0
	for i := range lines {
		f := lines[i].fields
		if f["path"] != "" && f["status"] != "" {
			n++
		}
	}
	saw["access_lines"] = n
	if n == 0 {
		return checks.Failed(saw, "lines of requests with method, path and status", checks.Fix{Text: "switch the access log on"},
			checks.Problem{Text: fmt.Sprintf("none of %d lines tells of a request", len(lines))})
	}
	return checks.Passed(saw)
}

var (
	rotates = regexp.MustCompile(`(?s)RotatingFileHandler\(|TimedRotatingFileHandler\(|\.add\([^)]*rotation\s*=|lumberjack\.Logger|winston-daily-rotate|logrotate|max-size|maxBytes|rotation:`)
	sizes   = regexp.MustCompile(`(?i)(?:maxBytes\s*[=:]\s*|max-size["':\s=]+|rotation\s*=\s*["']|MaxSize:\s*)([0-9_ *]+)\s*(k|m|g|mb|gb|kb)?`)
)

// lookRotation tells how a log is kept from filling the disk.
func lookRotation(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	saw := map[string]any{}
	var ways []string
	var problems []checks.Problem
	for _, s := range scope.Logs {
		if s.Kind != "file" {
			ways = append(ways, "stdout")
			continue
		}
		older, err := filepath.Glob(s.At + ".*")
		if err != nil {
			return checks.Observation{}, fmt.Errorf("find rotated files: %w", err)
		}
		saw["rotated_files"] = len(older)
		if len(older) > 0 {
			ways = append(ways, "size")
		}
		if len(older) > with.Whole("files") {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("%d rotated files are kept", len(older))})
		}
	}
	if scope.Repo != "" {
		found, err := declaredRotation(ctx, scope.Repo, with.Number("max_mb"))
		if err != nil {
			return checks.Observation{}, err
		}
		if found.file != "" {
			ways = append(ways, "size")
			saw["declared_in"] = found.file
		}
		if found.tooLarge {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("files grow beyond %g MB", with.Number("max_mb")), File: found.file, Line: found.line})
		}
	}
	slices.Sort(ways)
	saw["ways"] = slices.Compact(ways)
	if !slices.ContainsFunc(ways, func(w string) bool { return slices.Contains(with.List("rotation"), w) }) {
		problems = append(problems, checks.Problem{Text: "nothing bounds the log: no rotated file beside it, none declared in the sources, and it is not the stdout of a platform"})
	}
	if len(problems) > 0 {
		return checks.Failed(saw, fmt.Sprintf("rotated at %g MB, %d files kept, or written to stdout", with.Number("max_mb"), with.Whole("files")),
			checks.Fix{Text: "rotate the file by size, or write to stdout and let the platform keep it"}, problems...), nil
	}
	return checks.Passed(saw), nil
}

type rotation struct {
	file     string
	line     int
	tooLarge bool
}

func declaredRotation(ctx context.Context, repo string, mostMB float64) (rotation, error) {
	var out rotation
	t, err := tree.Open(repo)
	if err != nil {
		return out, err
	}
	defer func() { _ = t.Close() }()
	err = t.Files(ctx, func(f tree.File) error {
		if out.file != "" || f.Size > 1<<20 || strings.HasSuffix(f.Path, ".md") {
			return nil
		}
		text, rerr := t.Read(f.Path)
		if rerr != nil {
			return rerr
		}
		m := rotates.FindIndex(text)
		if m == nil {
			return nil
		}
		out.file, out.line = f.Path, 1+strings.Count(string(text[:m[0]]), "\n")
		if s := sizes.FindSubmatch(text); s != nil {
			out.tooLarge = megabytes(string(s[1]), string(s[2])) > mostMB
		}
		return nil
	})
	return out, err
}

// megabytes reads "10", "10*1024*1024" or "10 m" as MB.
func megabytes(number, unit string) float64 {
	n := 1.0
	for part := range strings.SplitSeq(strings.ReplaceAll(number, "_", ""), "*") {
		var f float64
		if _, err := fmt.Sscanf(strings.TrimSpace(part), "%g", &f); err == nil && f > 0 {
			n *= f
		}
	}
	switch strings.ToLower(unit) {
	case "k", "kb":
		return n / 1024
	case "m", "mb":
		return n
	case "g", "gb":
		return n * 1024
	}
	return n / (1 << 20)
}
