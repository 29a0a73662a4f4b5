package manifest

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/envcat"
)

// object is one Kubernetes object of the repository.
type object struct {
	file string
	kind string
	name string
	root *yaml.Node
}

// pod is the template of a workload.
type pod struct {
	object
	labels map[string]string
	spec   *yaml.Node
}

func (p pod) containers() []*yaml.Node { return items(at(p.spec, "containers")) }

var workloads = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"} //nolint:gochecknoglobals // a table

type kubeJudge struct {
	*input
	objects []object
	pods    []pod
	out     []checks.Problem
}

func (j *kubeJudge) check(id string, ok bool, file string, line int, format string, a ...any) {
	j.out = append(j.out, j.found(id, ok, file, line, format, a...)...)
}

// judgeKubernetes looks at all objects of the repository together: a Service stands in a file of its own.
func judgeKubernetes(in *input) ([]checks.Problem, error) {
	j := &kubeJudge{input: in}
	for _, file := range in.files {
		if in.ctx.Err() != nil {
			return nil, in.ctx.Err()
		}
		text, err := in.read(file)
		if err != nil {
			return nil, err
		}
		docs, err := documents(text)
		if err != nil {
			j.check("k8s-syntax", false, file, lineOf(err), "%v", err)
		}
		for _, d := range docs {
			if str(at(d, "kind")) == "List" {
				for _, item := range items(at(d, "items")) {
					j.take(file, item)
				}
				continue
			}
			j.take(file, d)
		}
	}
	for _, p := range j.pods {
		j.workload(p)
	}
	j.services()
	j.values()
	return j.out, nil
}

func (j *kubeJudge) take(file string, d *yaml.Node) {
	if d.Kind != yaml.MappingNode {
		return // an empty document between separators
	}
	o := object{file: file, kind: str(at(d, "kind")), name: str(at(d, "metadata", "name")), root: d}
	api := str(at(d, "apiVersion"))
	generated := str(at(d, "metadata", "generateName")) != ""
	j.check("k8s-syntax", api != "" && o.kind != "" && (o.name != "" || generated || strings.HasPrefix(api, "kustomize")), file, d.Line, "the document lacks apiVersion, kind or metadata.name")
	now, gone := removed[api]
	j.check("k8s-api-version", !gone, file, line(at(d, "apiVersion"), d), "%s was removed; %s took its place", api, now)
	j.objects = append(j.objects, o)
	p := pod{object: o, labels: map[string]string{}}
	switch {
	case slices.Contains(workloads, o.kind):
		p.spec = at(d, "spec", "template", "spec")
		for _, l := range entries(at(d, "spec", "template", "metadata", "labels")) {
			p.labels[l.key] = str(l.value)
		}
	case o.kind == "Pod":
		p.spec = at(d, "spec")
		for _, l := range entries(at(d, "metadata", "labels")) {
			p.labels[l.key] = str(l.value)
		}
	default:
		return
	}
	j.check("k8s-syntax", len(p.containers()) > 0, file, d.Line, "%s %s has no containers", o.kind, o.name)
	j.pods = append(j.pods, p)
}

func (j *kubeJudge) workload(p pod) {
	j.fields(p)
	j.selector(p)
	seconds, set := whole(at(p.spec, "terminationGracePeriodSeconds"))
	drains := set && seconds > 30
	for _, c := range p.containers() {
		drains = drains || at(c, "lifecycle", "preStop") != nil
		j.container(p, c)
	}
	if p.kind == "Deployment" {
		j.check("k8s-drain", drains, p.file, line(p.spec, p.root), "the pods of %s have 30 s to end", p.name)
		n, _ := whole(at(p.root, "spec", "replicas"))
		if n > 1 {
			j.check("k8s-disruption", j.selected(p, "PodDisruptionBudget", "spec", "selector", "matchLabels"), p.file, line(at(p.root, "spec", "replicas"), p.root), "%s has no PodDisruptionBudget", p.name)
		}
		if want, has := j.number("replicas"); has {
			n, found := j.replicas(p)
			j.check("replicas", found && n == want, p.file, line(at(p.root, "spec", "replicas"), p.root), "%s asks for %d replicas, wanted are %d", p.name, n, want)
		}
	}
}

// replicas are those of the workload, or the least of its autoscaler.
func (j *kubeJudge) replicas(p pod) (int, bool) {
	for _, o := range j.objects {
		if o.kind == "HorizontalPodAutoscaler" && str(at(o.root, "spec", "scaleTargetRef", "name")) == p.name {
			return whole(at(o.root, "spec", "minReplicas"))
		}
	}
	if at(p.root, "spec", "replicas") == nil {
		return 1, true // the API's default
	}
	return whole(at(p.root, "spec", "replicas"))
}

// fields tells which do not exist. A check of health at the container is the classic: there is no such field.
func (j *kubeJudge) fields(p pod) {
	check := func(n *yaml.Node, known []string, where string) {
		for _, e := range entries(n) {
			text := unknown(e.key, known)
			if strings.EqualFold(strings.ReplaceAll(e.key, "_", ""), "healthcheck") {
				text = e.key + " does not exist; health is asked for by livenessProbe, readinessProbe and startupProbe"
			}
			j.check("k8s-field", slices.Contains(known, e.key), p.file, e.line, "%s: %s", where, text)
		}
	}
	if p.kind == "Deployment" {
		check(at(p.root, "spec"), deploymentFields, "spec of "+p.name)
	}
	check(p.spec, podFields, "pod of "+p.name)
	for _, c := range slices.Concat(p.containers(), items(at(p.spec, "initContainers"))) {
		name := "container " + str(at(c, "name"))
		check(c, containerFields, name)
		for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
			check(at(c, probe), probeFields, name+" "+probe)
			check(at(c, probe, "httpGet"), httpGetFields, name+" "+probe+".httpGet")
		}
		for _, port := range items(at(c, "ports")) {
			check(port, portFields, name+" ports")
		}
	}
}

func (j *kubeJudge) selector(p pod) {
	want := at(p.root, "spec", "selector", "matchLabels")
	if p.kind != "Deployment" && p.kind != "StatefulSet" {
		return
	}
	fits := len(entries(want)) > 0 || at(p.root, "spec", "selector", "matchExpressions") != nil
	for _, l := range entries(want) {
		fits = fits && p.labels[l.key] == str(l.value)
	}
	j.check("k8s-selector", fits, p.file, line(want, p.root), "the selector of %s does not fit the labels of its pods", p.name)
}

// selected tells whether an object of a kind selects the pods by labels.
func (j *kubeJudge) selected(p pod, kind string, path ...string) bool {
	return slices.ContainsFunc(j.objects, func(o object) bool { return o.kind == kind && selects(at(o.root, path...), p) })
}

func selects(selector *yaml.Node, p pod) bool {
	labels := entries(selector)
	for _, l := range labels {
		if p.labels[l.key] != str(l.value) {
			return false
		}
	}
	return len(labels) > 0
}

func (j *kubeJudge) services() {
	for _, p := range j.pods {
		if p.kind == "Deployment" && declaresPort(p) {
			j.check("k8s-service", j.selected(p, "Service", "spec", "selector"), p.file, p.root.Line, "no Service selects the pods of %s", p.name)
		}
	}
	for _, o := range j.objects {
		if o.kind != "Service" {
			continue
		}
		for _, e := range entries(at(o.root, "spec")) {
			j.check("k8s-field", slices.Contains(serviceFields, e.key), o.file, e.line, "Service %s: %s", o.name, unknown(e.key, serviceFields))
		}
		selector := at(o.root, "spec", "selector")
		var behind []pod
		for _, p := range j.pods {
			if selects(selector, p) {
				behind = append(behind, p)
			}
		}
		if selector == nil || len(j.pods) == 0 {
			continue // it stands for something outside, or the pods are made elsewhere
		}
		j.check("k8s-service", len(behind) > 0, o.file, selector.Line, "the Service %s selects no pod of the repository", o.name)
		for _, port := range items(at(o.root, "spec", "ports")) {
			target := at(port, "targetPort")
			if target == nil {
				target = at(port, "port")
			}
			if len(behind) > 0 {
				j.check("k8s-service", slices.ContainsFunc(behind, func(p pod) bool { return opens(p, str(target)) }), o.file, line(target, port), "the Service %s leads to port %s, which no container declares", o.name, str(target))
			}
		}
	}
}

func declaresPort(p pod) bool {
	return slices.ContainsFunc(p.containers(), func(c *yaml.Node) bool { return len(items(at(c, "ports"))) > 0 })
}

// opens tells whether a container of the pod declares a port, by number or name.
func opens(p pod, port string) bool {
	for _, c := range p.containers() {
		for _, o := range items(at(c, "ports")) {
			if port != "" && (str(at(o, "containerPort")) == port || str(at(o, "name")) == port) {
				return true
			}
		}
	}
	return false
}

// values compares the wanted variables with what the pods get, in env or from a ConfigMap of the repository,
// and looks for secrets that stand in a manifest.
func (j *kubeJudge) values() {
	for _, o := range j.objects {
		if o.kind == "Secret" {
			for _, section := range []string{"data", "stringData"} {
				for _, e := range entries(at(o.root, section)) {
					j.check("secretRef", harmless.MatchString(str(e.value)), o.file, e.line, "the Secret %s holds a value for %s", o.name, e.key)
				}
			}
		}
		if o.kind == "ConfigMap" {
			for _, e := range entries(at(o.root, "data")) {
				j.check("secretRef", !secretValue(e.key, str(e.value)), o.file, e.line, "the ConfigMap %s holds a value for %s", o.name, e.key)
			}
		}
	}
	var names []string
	for name := range j.want {
		if strings.ToUpper(name) == name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, p := range j.pods {
		for _, c := range p.containers() {
			got := j.environment(p, c)
			for _, name := range names {
				want := fmt.Sprint(j.want[name])
				v, has := got[name]
				text := fmt.Sprintf("container %s has no %s, wanted is %s", str(at(c, "name")), name, want)
				if has {
					text = fmt.Sprintf("container %s has %s %q, wanted is %s", str(at(c, "name")), name, v, want)
				}
				j.check("env", has && strings.EqualFold(v, want), p.file, line(at(c, "env"), c), "%s", text)
			}
		}
	}
}

// environment are the values of a container's variables that stand in the repository. Secrets by value are
// told on the way.
func (j *kubeJudge) environment(p pod, c *yaml.Node) map[string]string {
	out := map[string]string{}
	for _, from := range items(at(c, "envFrom")) {
		name := str(at(from, "configMapRef", "name"))
		for _, e := range j.config(name) {
			out[str(at(from, "prefix"))+e.key] = str(e.value)
		}
		if at(from, "secretRef") != nil {
			j.check("secretRef", true, p.file, from.Line, "")
		}
	}
	for _, e := range items(at(c, "env")) {
		name, value := str(at(e, "name")), at(e, "value")
		if value != nil {
			out[name] = str(value)
		}
		if key := at(e, "valueFrom", "configMapKeyRef"); key != nil {
			for _, kv := range j.config(str(at(key, "name"))) {
				if kv.key == str(at(key, "key")) {
					out[name] = str(kv.value)
				}
			}
		}
		if envcat.LooksSecret(name) {
			j.check("secretRef", value == nil || !secretValue(name, str(value)), p.file, e.Line, "container %s has %s by value", str(at(c, "name")), name)
		}
	}
	return out
}

func (j *kubeJudge) config(name string) []pair {
	for _, o := range j.objects {
		if o.kind == "ConfigMap" && o.name == name && name != "" {
			return entries(at(o.root, "data"))
		}
	}
	return nil
}
