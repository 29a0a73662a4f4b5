package manifest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/checks"
)

// serviceKeys are the keys of a service, as the Compose Specification lists them.
var serviceKeys = []string{ //nolint:gochecknoglobals // a table
	"annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup", "cgroup_parent", "command", "configs", "container_name", "cpu_count", "cpu_percent",
	"cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset", "credential_spec", "depends_on", "deploy", "develop", "device_cgroup_rules",
	"devices", "dns", "dns_opt", "dns_search", "domainname", "entrypoint", "env_file", "environment", "expose", "extends", "external_links", "extra_hosts", "gpus", "group_add",
	"healthcheck", "hostname", "image", "init", "ipc", "isolation", "label_file", "labels", "links", "logging", "mac_address", "mem_limit", "mem_reservation", "mem_swappiness",
	"memswap_limit", "models", "network_mode", "networks", "oom_kill_disable", "oom_score_adj", "pid", "pids_limit", "platform", "ports", "post_start", "pre_stop", "privileged",
	"profiles", "provider", "pull_policy", "read_only", "restart", "runtime", "scale", "secrets", "security_opt", "shm_size", "stdin_open", "stop_grace_period", "stop_signal",
	"storage_opt", "sysctls", "tmpfs", "tty", "ulimits", "use_api_socket", "user", "userns_mode", "uts", "volumes", "volumes_from", "working_dir",
}

// old are keys that only the first format knew.
var old = map[string]string{ //nolint:gochecknoglobals // a table
	"net": "network_mode", "log_driver": "logging.driver", "log_opt": "logging.options", "dockerfile": "build.dockerfile", "volume_driver": "volumes",
}

// stores are images of databases and caches with their ports.
var stores = []string{"postgres", "mysql", "mariadb", "mongo", "redis", "valkey", "memcached", "elasticsearch", "opensearch", "qdrant", "pgvector", "clickhouse", "rabbitmq"} //nolint:gochecknoglobals // a table

func judgeCompose(in *input) ([]checks.Problem, error) {
	var all []checks.Problem
	for _, file := range in.files {
		text, err := in.read(file)
		if err != nil {
			return nil, err
		}
		docs, err := documents(text)
		if err != nil {
			all = append(all, in.found("compose-syntax", false, file, lineOf(err), "%v", err)...)
			continue
		}
		if len(docs) == 0 {
			all = append(all, in.found("compose-syntax", false, file, 1, "the file is empty")...)
			continue
		}
		j := &composeJudge{input: in, file: file, overlay: strings.Contains(path.Base(file), "override")}
		j.document(docs[0])
		all = append(all, j.out...)
	}
	scripts, err := in.oldCommand()
	return append(all, scripts...), err
}

type composeJudge struct {
	*input
	file    string
	overlay bool // an override may leave out what the file below it says
	out     []checks.Problem
}

func (j *composeJudge) check(id string, ok bool, line int, format string, a ...any) {
	j.out = append(j.out, j.found(id, ok, j.file, line, format, a...)...)
}

func (j *composeJudge) document(doc *yaml.Node) {
	version := at(doc, "version")
	j.check("compose-version", version == nil, line(version, doc), "version says nothing any more")
	services := at(doc, "services")
	if services == nil {
		root := false
		for _, e := range entries(doc) {
			if at(e.value, "image") != nil || at(e.value, "build") != nil {
				root = true
				j.check("compose-v1", false, e.line, "the service %s stands at the root, as in the first format", e.key)
			}
		}
		if !root {
			j.check("compose-syntax", j.overlay || at(doc, "include") != nil, line(doc, nil), "there are no services")
		}
		return
	}
	for _, s := range entries(services) {
		j.service(s.key, s.line, s.value)
	}
}

func (j *composeJudge) service(name string, where int, s *yaml.Node) {
	image, build := at(s, "image"), at(s, "build")
	j.check("compose-syntax", image != nil || build != nil || at(s, "extends") != nil || at(s, "provider") != nil || j.overlay, where, "the service %s has neither image nor build", name)
	for _, e := range entries(s) {
		if now, is := old[e.key]; is {
			j.check("compose-v1", false, e.line, "%s is of the first format; now it is %s", e.key, now)
			continue
		}
		j.check("compose-v1", true, e.line, "")
		j.check("compose-key", slices.Contains(serviceKeys, e.key) || strings.HasPrefix(e.key, "x-"), e.line, "%s", unknown(e.key, serviceKeys))
	}
	if ref := str(image); ref != "" && build == nil && !strings.Contains(ref, "$") {
		j.check("compose-tag", tagged(ref), image.Line, "the image %s has no fixed tag", ref)
	}
	j.environment(name, at(s, "environment"))
	j.check("compose-docker-socket", str(at(s, "privileged")) != "true", line(at(s, "privileged"), s), "%s is privileged", name)
	for _, v := range items(at(s, "volumes")) {
		src := str(v) + str(at(v, "source"))
		j.check("compose-docker-socket", !strings.Contains(src, "docker.sock"), v.Line, "%s holds the socket of the engine", name)
	}
	j.ports(name, s)
	if build != nil {
		j.build(name, s, build)
	}
}

// environment takes both forms, the list and the mapping.
func (j *composeJudge) environment(service string, env *yaml.Node) {
	check := func(name, value string, line int) {
		j.check("compose-secret", !secretValue(name, value), line, "the value of %s stands in %s", name, service)
	}
	for _, e := range entries(env) {
		check(e.key, str(e.value), e.line)
	}
	for _, i := range items(env) {
		name, value, _ := strings.Cut(str(i), "=")
		check(name, value, i.Line)
	}
}

// published is one entry of ports: "127.0.0.1:8000:8000/tcp", "8000", or a mapping.
func published(n *yaml.Node) (host, container string) {
	if n.Kind == yaml.MappingNode {
		return str(at(n, "host_ip")), str(at(n, "target"))
	}
	text, _, _ := strings.Cut(str(n), "/")
	parts := strings.Split(text, ":")
	container = parts[len(parts)-1]
	if len(parts) >= 3 {
		host = strings.Join(parts[:len(parts)-2], ":")
	}
	return host, container
}

func (j *composeJudge) ports(name string, s *yaml.Node) {
	image := str(at(s, "image"))
	base, _, _ := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	store := slices.ContainsFunc(stores, func(k string) bool { return strings.Contains(base, k) })
	for _, p := range items(at(s, "ports")) {
		host, _ := published(p)
		if store {
			local := host == "localhost" || strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "[::1]")
			j.check("compose-open-database", local, p.Line, "%s publishes %s on every address of the host", name, str(p))
		}
	}
}

// build looks at the folder and the Dockerfile of a service, and whether its ports are those of the image.
func (j *composeJudge) build(name string, s, build *yaml.Node) {
	dir, file := str(build), "Dockerfile"
	if build.Kind == yaml.MappingNode {
		dir = str(at(build, "context"))
		if f := str(at(build, "dockerfile")); f != "" {
			file = f
		}
	}
	if dir == "" {
		dir = "."
	}
	if strings.Contains(dir, "://") || strings.Contains(dir+file, "$") || at(build, "dockerfile_inline") != nil {
		return
	}
	context := path.Join(path.Dir(j.file), dir)
	j.check("compose-build", context == "." || j.tree.Has(context), build.Line, "the build context %s of %s is not there", dir, name)
	where := path.Join(context, file)
	if strings.HasPrefix(where, "../") {
		return
	}
	text, err := j.tree.Read(where)
	j.check("compose-build", err == nil, build.Line, "the Dockerfile %s of %s is not there", where, name)
	if err != nil {
		return
	}
	d := parseDockerfile(string(text))
	if len(d.stages) == 0 {
		return
	}
	final := d.final()
	health := final.last("HEALTHCHECK")
	j.check("compose-healthcheck", at(s, "healthcheck") != nil || health != nil, build.Line, "%s has no health check", name)
	var exposed []string
	for _, step := range final.steps {
		if step.name == "EXPOSE" {
			for _, a := range step.args {
				p, _, _ := strings.Cut(a, "/")
				exposed = append(exposed, p)
			}
		}
	}
	for _, p := range items(at(s, "ports")) {
		if _, container := published(p); len(exposed) > 0 && !strings.ContainsAny(container, "$-") {
			j.check("compose-ports", slices.Contains(exposed, container), p.Line, "%s publishes port %s of the container, and its image exposes %s", name, container, strings.Join(exposed, ", "))
		}
	}
}

var oldCompose = regexp.MustCompile(`(?m)(?:^|[\s;&|(])docker-compose\s+(?:-\S+\s+\S+\s+)*(?:up|down|build|pull|logs|ps|restart|run|exec|stop|start)\b`)

// oldCommand looks for calls of the program that is no longer kept up.
func (in *input) oldCommand() ([]checks.Problem, error) {
	if !in.on("compose-command") {
		return nil, nil
	}
	files, err := in.tree.Glob(in.ctx, "Makefile", "*.sh", "*/*.sh", "*.md", "docs/*.md", ".github/workflows/*.yml", ".github/workflows/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("look for scripts: %w", err)
	}
	var out []checks.Problem
	for _, f := range files {
		text, err := in.tree.Read(f)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f, err)
		}
		m := oldCompose.FindIndex(text)
		n := 1
		if m != nil {
			n += strings.Count(string(text[:m[1]]), "\n")
		}
		if m != nil || strings.Contains(string(text), "docker compose") {
			out = append(out, in.found("compose-command", m == nil, f, n, "docker-compose is called, which is out of support")...)
		}
	}
	return out, nil
}
