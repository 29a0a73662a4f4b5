package manifest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/voicectl/voicectl/internal/checks"
)

// cerebriumKeys are the keys of each section, from the platform's documents and its command line.
var cerebriumKeys = map[string][]string{ //nolint:gochecknoglobals // a table
	"": {"deployment", "runtime", "hardware", "scaling", "dependencies", "build", "secrets"},
	"deployment": {
		"name", "python_version", "include", "exclude", "docker_base_image_url", "shell_commands", "pre_build_commands", "disable_auth", "use_uv",
		"deployment_initialization_timeout", "disable_build_logs", "log_level", "roll_out_duration_seconds",
	},
	"runtime.custom": {"port", "entrypoint", "healthcheck_endpoint", "readycheck_endpoint", "dockerfile_path"},
	"hardware":       {"cpu", "memory", "compute", "gpu_count", "provider", "region"},
	"scaling": {
		"min_replicas", "max_replicas", "replica_concurrency", "cooldown", "response_grace_period", "scaling_metric", "scaling_target", "scaling_buffer",
		"evaluation_interval_seconds", "load_balancing_algorithm", "compute_tier", "roll_out_duration_seconds",
	},
}

// gpuMemory is the memory in GB of one GPU of each type.
var gpuMemory = map[string]int{ //nolint:gochecknoglobals // a table
	"TURING_T4": 16, "AMPERE_A10": 24, "ADA_L4": 24, "ADA_L40": 48, "AMPERE_A100": 40, "AMPERE_A100_40GB": 40, "AMPERE_A100_80GB": 80, "HOPPER_H100": 80,
	"HOPPER_H200": 141, "BLACKWELL_RTX6000": 96, "BLACKWELL_B200": 180, "BLACKWELL_B300": 270,
}

type cerebriumJudge struct {
	*input
	file string
	text string
	root map[string]any // the table cerebrium
	out  []checks.Problem
}

func judgeCerebrium(in *input) ([]checks.Problem, error) {
	var all []checks.Problem
	for _, file := range in.files {
		text, err := in.read(file)
		if err != nil {
			return nil, err
		}
		var doc map[string]any
		if err := toml.Unmarshal([]byte(text), &doc); err != nil {
			where := 1
			if d, is := err.(*toml.DecodeError); is { //nolint:errorlint // the reader returns it as it is
				where, _ = d.Position()
			}
			all = append(all, in.found("cerebrium-syntax", false, file, where, "%v", err)...)
			continue
		}
		root, _ := doc["cerebrium"].(map[string]any)
		j := &cerebriumJudge{input: in, file: file, text: text, root: root}
		j.check("cerebrium-syntax", j.value("deployment", "name") != nil, "name", "there is no [cerebrium.deployment] with a name")
		j.keys()
		j.scaling()
		j.hardware()
		if err := j.entry(); err != nil {
			return nil, err
		}
		all = append(all, j.out...)
	}
	return all, nil
}

// check notes one look of a rule; the line is the first one that sets the key.
func (j *cerebriumJudge) check(id string, ok bool, key, format string, a ...any) {
	where := 1
	if key != "" {
		if at := regexp.MustCompile(`(?m)^\s*"?` + regexp.QuoteMeta(key) + `"?\s*=`).FindStringIndex(j.text); at != nil {
			where += strings.Count(strings.TrimRight(j.text[:at[0]], " \t"), "\n")
			where += strings.Count(j.text[at[0]:at[1]], "\n")
		}
	}
	j.out = append(j.out, j.found(id, ok, j.file, where, format, a...)...)
}

// value walks down to a value below [cerebrium], nil when there is none.
func (j *cerebriumJudge) value(keys ...string) any {
	var v any = j.root
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// whole returns a number, or what the platform takes by itself.
func (j *cerebriumJudge) whole(otherwise int, keys ...string) (int, bool) {
	switch n := j.value(keys...).(type) {
	case int64:
		return int(n), true
	case float64:
		return int(n), n == float64(int(n))
	}
	return otherwise, false
}

func (j *cerebriumJudge) keys() {
	for _, section := range slices.Sorted(mapKeys(cerebriumKeys)) {
		known := cerebriumKeys[section]
		var at []string
		if section != "" {
			at = strings.Split(section, ".")
		}
		table, _ := j.value(at...).(map[string]any)
		for _, key := range slices.Sorted(mapKeys(table)) {
			j.check("cerebrium-key", slices.Contains(known, key), key, "[%s] %s", strings.TrimSuffix("cerebrium."+section, "."), unknown(key, known))
		}
	}
	var walk func(m map[string]any, depth int)
	walk = func(m map[string]any, depth int) {
		for _, key := range slices.Sorted(mapKeys(m)) {
			switch v := m[key].(type) {
			case string:
				j.check("cerebrium-secret", !secretValue(key, v), key, "the value of %s stands in the file", key)
			case map[string]any:
				if depth < 10 {
					walk(v, depth+1)
				}
			}
		}
	}
	walk(j.root, 0)
}

func (j *cerebriumJudge) scaling() {
	lowest, low := j.whole(0, "scaling", "min_replicas")
	highest, high := j.whole(1, "scaling", "max_replicas")
	calls, set := j.whole(0, "scaling", "replica_concurrency")
	buffer, _ := j.whole(0, "scaling", "scaling_buffer")
	for _, k := range []struct {
		name string
		set  bool
	}{{"min_replicas", low}, {"max_replicas", high}, {"replica_concurrency", set}} {
		j.check("scaling", k.set, k.name, "[cerebrium.scaling] does not set %s", k.name)
	}
	j.check("scaling", highest >= lowest && highest > 0, "max_replicas", "max_replicas is %d, and min_replicas %d", highest, lowest)
	wantBuffer, hasBuffer := j.number("scaling_buffer")
	wantLowest, hasLowest := j.number("min_replicas")
	if !hasBuffer {
		wantBuffer = 1
	}
	if !hasLowest {
		wantLowest = 1
	}
	j.check("warm-spare", buffer >= wantBuffer || lowest >= wantLowest, "min_replicas", "no replica is warm: scaling_buffer is %d, wanted %d, and min_replicas %d, wanted %d", buffer, wantBuffer, lowest, wantLowest)
	if want, has := j.number("replica_concurrency"); has {
		j.check("replica-concurrency", set && calls == want, "replica_concurrency", "replica_concurrency is %s, wanted is %d", orUnset(calls, set), want)
	} else {
		j.check("replica-concurrency", set && calls > 0, "replica_concurrency", "replica_concurrency is %s", orUnset(calls, set))
	}
	grace, _ := j.whole(900, "scaling", "response_grace_period")
	j.check("cerebrium-grace", grace >= 1800, "response_grace_period", "response_grace_period is %d s, and cuts calls that take longer", grace)
	tier, _ := j.value("scaling", "compute_tier").(string)
	j.check("cerebrium-tier", tier == "protected", "compute_tier", "compute_tier is %q", tier)
}

func orUnset(n int, set bool) string {
	if !set {
		return "not set"
	}
	return fmt.Sprint(n)
}

func (j *cerebriumJudge) hardware() {
	kind, _ := j.value("hardware", "compute").(string)
	count, set := j.whole(1, "hardware", "gpu_count")
	if !set || count < 1 {
		count = 1
	}
	want, has := j.number("gpu_gb")
	if !has {
		want = 16
	}
	switch memory, known := gpuMemory[kind]; {
	case known:
		j.check("gpu", memory*count >= want, "compute", "%s has %d GB, wanted are %d", kind, memory*count, want)
	case kind == "" || kind == "CPU":
		j.check("gpu", !has, "compute", "compute is %q, which is no GPU; wanted are %d GB", kind, want)
	default:
		var types []string
		for t := range gpuMemory {
			types = append(types, t)
		}
		slices.Sort(types)
		j.check("gpu", false, "compute", "compute: %s", unknown(kind, types))
	}
}

var (
	signatureCheck = regexp.MustCompile(`X-Twilio-Signature|RequestValidator|validate_signature|validateRequest|ValidateSignature|twilio\.webhook\(`)
	telephone      = regexp.MustCompile(`(?i)\btwilio\b`)
)

// entry looks at how the platform starts the backend, and who may call it.
func (j *cerebriumJudge) entry() error {
	custom, _ := j.value("runtime", "custom").(map[string]any)
	port, set := j.whole(0, "runtime", "custom", "port")
	dir := path.Dir(j.file)
	if custom == nil {
		j.check("cerebrium-port", false, "", "there is no [cerebrium.runtime.custom]: the platform's own runtime serves no socket")
	} else {
		j.check("cerebrium-port", set, "port", "[cerebrium.runtime.custom] sets no port")
	}
	dockerPath, _ := custom["dockerfile_path"].(string)
	var argv []string
	if list, is := custom["entrypoint"].([]any); is {
		for _, a := range list {
			argv = append(argv, fmt.Sprint(a))
		}
	}
	if dockerPath != "" {
		j.check("cerebrium-port", j.tree.Has(path.Join(dir, dockerPath)), "dockerfile_path", "%s is not in the repository", dockerPath)
	} else if custom != nil {
		j.check("cerebrium-port", len(argv) > 0, "entrypoint", "[cerebrium.runtime.custom] sets no entrypoint")
	}
	text := strings.Join(argv, " ")
	if m := portFlag.FindStringSubmatch(text); m != nil && set {
		j.check("cerebrium-port", m[1] == fmt.Sprint(port), "port", "the entrypoint listens on %s, and port is %d", m[1], port)
	}
	if m := application.FindStringSubmatch(text); m != nil {
		mod := path.Join(dir, strings.ReplaceAll(m[1], ".", "/"))
		j.check("cerebrium-port", j.tree.Has(mod+".py") || j.tree.Has(mod+"/__init__.py"), "entrypoint", "the entrypoint starts %s, and there is no %s.py", m[1], mod)
	}
	calls, checked, err := j.telephony()
	if err != nil || !calls {
		return err
	}
	open, is := j.value("deployment", "disable_auth").(bool)
	open = open || !is // the platform's own default
	j.check("cerebrium-auth", open, "disable_auth", "the platform asks for its own token, which the telephone network cannot send: disable_auth must be true")
	if open {
		j.check("cerebrium-auth", checked, "disable_auth", "anybody may call the hook, and nothing in the sources checks X-Twilio-Signature")
	}
	return nil
}

// telephony tells whether the sources speak of the telephone network, and whether they check its signature.
func (j *cerebriumJudge) telephony() (calls, checked bool, err error) {
	if !j.on("cerebrium-auth") {
		return false, false, nil
	}
	files, err := j.tree.Glob(j.ctx, "*.py", "*/*.py", "*/*/*.py", "*/*/*/*.py", "*.go", "*/*.go", "*/*/*.go", "*/*/*/*.go", "*.js", "*/*.js", "*.ts", "*/*.ts", "requirements.txt", "package.json")
	if err != nil {
		return false, false, err
	}
	for _, f := range files {
		code, err := j.tree.Read(f)
		if err != nil {
			return false, false, fmt.Errorf("read %s: %w", f, err)
		}
		calls = calls || telephone.Match(code)
		checked = checked || signatureCheck.Match(code)
	}
	return calls, checked, nil
}
