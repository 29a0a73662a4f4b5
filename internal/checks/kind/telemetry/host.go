package telemetry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

func hostResource() *checks.Kind {
	return &checks.Kind{
		Name: "host.resource", Title: "The machine has headroom", Passes: "the share in use is below the bound",
		Why: "A full disk loses recordings, a full memory ends the process in the middle of calls.",
		Fix: "free some, or take a larger machine", Source: "The checklists", Saves: "used, limit and where it was read", Severity: checks.Warns,
		Needs: []checks.Need{checks.NeedHost}, Timeout: 10 * time.Second,
		Params: []checks.Param{
			{Name: "of", Type: checks.List, Required: true, OneOf: []string{"cpu", "mem", "disk", "gpu"}, Doc: "what to measure"},
			{Name: "dir", Type: checks.Text, Default: ".", Doc: "folder whose disk is meant"},
			{Name: "warn", Type: checks.Number, Doc: "share above which it warns"},
			{Name: "max", Type: checks.Number, Default: 0.9, Doc: "share above which it fails"},
		},
		Look: lookHost,
	}
}

// errNotHere is a resource that this machine does not have, or does not tell.
var errNotHere = errors.New("not here")

func lookHost(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	saw := map[string]any{}
	var problems, warnings []checks.Problem
	var absent []string
	for _, of := range with.List("of") {
		used, source, err := share(ctx, scope, of, with.Text("dir"))
		switch {
		case errors.Is(err, errNotHere):
			absent = append(absent, of)
			saw[of] = nil
			continue
		case err != nil:
			return checks.Observation{}, err
		}
		saw[of] = map[string]any{"used": used, "source": source}
		p := checks.Problem{Text: fmt.Sprintf("%s: %.0f %% in use (%s)", of, used*100, source)}
		switch {
		case used > with.Number("max"):
			problems = append(problems, p)
		case with.Has("warn") && used > with.Number("warn"):
			warnings = append(warnings, p)
		}
	}
	wanted := fmt.Sprintf("at most %.0f %% in use", with.Number("max")*100)
	switch {
	case len(problems) > 0:
		return checks.Failed(saw, wanted, checks.Fix{}, problems...), nil
	case len(absent) == len(with.List("of")):
		return checks.Skipped("this machine has no "+strings.Join(absent, ", ")+" to measure", checks.Fix{Text: "run it on the machine that has it"}), nil
	case len(warnings) > 0:
		return checks.Observation{State: checks.Warn, Saw: saw, Wanted: wanted, Problems: warnings}, nil
	}
	return checks.Passed(saw), nil
}

func share(ctx context.Context, scope *checks.Scope, of, dir string) (float64, string, error) {
	switch of {
	case "disk":
		return disk(scope, dir)
	case "mem":
		return memory()
	case "cpu":
		return processor(ctx, scope)
	case "gpu":
		return gpu(ctx)
	}
	return 0, "", errNotHere
}

func disk(scope *checks.Scope, dir string) (float64, string, error) {
	if scope.Repo != "" && dir == "." {
		dir = scope.Repo
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, "", fmt.Errorf("disk of %s: %w", dir, err)
	}
	if st.Blocks == 0 {
		return 0, "", errNotHere
	}
	free := st.Bavail // what a process without privileges may still take
	return 1 - float64(free)/float64(st.Blocks-st.Bfree+free), "statfs " + dir, nil
}

// memory takes the limit of the control group where there is one, as a container does.
func memory() (float64, string, error) {
	limit, lerr := number("/sys/fs/cgroup/memory.max")
	used, uerr := number("/sys/fs/cgroup/memory.current")
	if lerr == nil && uerr == nil && limit > 0 {
		return used / limit, "cgroup", nil
	}
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, "", errNotHere
	}
	values := map[string]float64{}
	for line := range strings.SplitSeq(string(b), "\n") {
		name, rest, _ := strings.Cut(line, ":")
		if f := strings.Fields(rest); len(f) > 0 {
			values[name], _ = strconv.ParseFloat(f[0], 64)
		}
	}
	if values["MemTotal"] == 0 {
		return 0, "", errNotHere
	}
	return 1 - values["MemAvailable"]/values["MemTotal"], "/proc/meminfo", nil
}

func number(file string) (float64, error) {
	b, err := os.ReadFile(file) //nolint:gosec // fixed names
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
}

// processor measures for a second.
func processor(ctx context.Context, scope *checks.Scope) (float64, string, error) {
	busy0, all0, err := ticks()
	if err != nil {
		return 0, "", errNotHere
	}
	t := scope.Clock.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return 0, "", ctx.Err()
	case <-t.C():
	}
	busy1, all1, err := ticks()
	if err != nil || all1 <= all0 {
		return 0, "", errNotHere
	}
	return (busy1 - busy0) / (all1 - all0), "/proc/stat, one second", nil
}

func ticks() (busy, all float64, err error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(first)[1:] {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, 0, err
		}
		all += n
		if i != 3 && i != 4 { // idle, waiting for the disk
			busy += n
		}
	}
	return busy, all, nil
}

// gpu asks the vendor's own tool; a machine without it has no such processor, or hides it.
func gpu(ctx context.Context) (float64, string, error) {
	out, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return 0, "", errNotHere
	}
	most := 0.0
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		used, total, ok := strings.Cut(line, ",")
		u, uerr := strconv.ParseFloat(strings.TrimSpace(used), 64)
		all, aerr := strconv.ParseFloat(strings.TrimSpace(total), 64)
		if !ok || uerr != nil || aerr != nil || all == 0 {
			return 0, "", fmt.Errorf("nvidia-smi told %q", line)
		}
		most = max(most, u/all)
	}
	return most, "nvidia-smi", nil
}
