package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// container looks at one container of a workload.
func (j *kubeJudge) container(p pod, c *yaml.Node) {
	name := str(at(c, "name"))
	image := at(c, "image")
	if ref := str(image); !strings.Contains(ref, "$") {
		j.check("k8s-tag", tagged(ref), p.file, line(image, c), "container %s: the image %s has no fixed tag", name, ref)
	}
	res := at(c, "resources")
	j.check("k8s-resources", at(res, "requests", "cpu") != nil && at(res, "requests", "memory") != nil && at(res, "limits", "memory") != nil, p.file, line(res, c),
		"container %s lacks requests for cpu and memory, or a limit of memory", name)
	nonroot := str(at(c, "securityContext", "runAsNonRoot")) == "true" || str(at(p.spec, "securityContext", "runAsNonRoot")) == "true"
	for _, n := range []*yaml.Node{at(c, "securityContext", "runAsUser"), at(p.spec, "securityContext", "runAsUser")} {
		id, set := whole(n)
		nonroot = nonroot || set && id > 0
	}
	j.check("k8s-non-root", nonroot, p.file, c.Line, "container %s may run as root", name)
	if p.kind != "Job" {
		j.port(p, c, name)
		j.probes(p, c, name)
	}
}

// port compares the declared ports with the wanted one, and the probes with the declared ones.
func (j *kubeJudge) port(p pod, c *yaml.Node, name string) {
	ports := items(at(c, "ports"))
	if want, has := j.number("port"); has {
		j.check("port-matches", opens(p, fmt.Sprint(want)), p.file, line(at(c, "ports"), c), "container %s does not declare port %d", name, want)
	} else {
		j.check("port-matches", len(ports) > 0, p.file, c.Line, "container %s declares no port", name)
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		for _, how := range []string{"httpGet", "tcpSocket"} {
			if port := at(c, probe, how, "port"); port != nil && len(ports) > 0 {
				j.check("port-matches", opens(p, str(port)), p.file, port.Line, "container %s: %s asks port %s, which it does not declare", name, probe, str(port))
			}
		}
	}
}

// probes looks for readiness and liveness, and compares path and times where wanted ones are given.
func (j *kubeJudge) probes(p pod, c *yaml.Node, name string) {
	path, _ := j.want["path"].(string)
	for _, kind := range []string{"readinessProbe", "livenessProbe"} {
		probe := at(c, kind)
		j.check("probes", probe != nil, p.file, c.Line, "container %s has no %s", name, kind)
		if probe == nil {
			continue
		}
		got := at(probe, "httpGet", "path")
		if path != "" {
			asks := str(got)
			if at(probe, "exec") != nil {
				asks = path // a command of its own may ask whatever it likes
			}
			j.check("probes", asks == path, p.file, line(got, probe), "container %s: %s asks %q, wanted is %s", name, kind, asks, path)
		}
		for _, t := range []struct {
			field, want string
			otherwise   int
		}{{"initialDelaySeconds", "initial", 0}, {"periodSeconds", "period", 10}} {
			want, has := j.number(t.want)
			if !has {
				continue
			}
			got, set := whole(at(probe, t.field))
			if !set {
				got = t.otherwise
			}
			j.check("probes", got == want, p.file, line(at(probe, t.field), probe), "container %s: %s has %s %d, wanted is %d", name, kind, t.field, got, want)
		}
	}
}
