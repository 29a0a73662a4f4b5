package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	dockercontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/voicectl/voicectl/internal/checks"
)

// running is a container of the backend's image. Whoever started it must remove it.
type running struct {
	c       *client.Client
	id      string
	port    network.Port // inside
	address string       // published, host:port
}

// start runs an image: its port is published on the loopback address, memory and processes are bounded, and it
// gets no rights on top.
func start(ctx context.Context, scope *checks.Scope, c *client.Client, id string, port int) (*running, error) {
	img, err := c.ImageInspect(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("look at the image: %w", err)
	}
	if port == 0 {
		port = 8000
		var exposed []int
		if img.Config != nil {
			for p := range img.Config.ExposedPorts {
				n, _, _ := strings.Cut(p, "/")
				if k, convErr := strconv.Atoi(n); convErr == nil {
					exposed = append(exposed, k)
				}
			}
		}
		if len(exposed) > 0 {
			port = slices.Min(exposed)
		}
	}
	inside, err := network.ParsePort(fmt.Sprintf("%d/tcp", port))
	if err != nil {
		return nil, fmt.Errorf("port of the container: %w", err)
	}
	var env []string
	for _, name := range scope.Env.Names() {
		if name != "PATH" && name != "HOME" && name != "HOST" && name != "PORT" {
			env = append(env, name+"="+scope.Env.Value(name))
		}
	}
	processes := int64(1024)
	created, err := c.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &dockercontainer.Config{
			Image: id, Env: append(env, "HOST=0.0.0.0", "PORT="+strconv.Itoa(port)), ExposedPorts: network.PortSet{inside: {}}, Labels: map[string]string{"voicectl.check": "1"},
		},
		HostConfig: &dockercontainer.HostConfig{
			PortBindings: network.PortMap{inside: {{HostIP: netip.MustParseAddr("127.0.0.1")}}}, SecurityOpt: []string{"no-new-privileges"},
			Resources: dockercontainer.Resources{Memory: 4 << 30, PidsLimit: &processes},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("create a container: %w", err)
	}
	r := &running{c: c, id: created.ID, port: inside}
	if _, err = c.ContainerStart(ctx, r.id, client.ContainerStartOptions{}); err != nil {
		return nil, errors.Join(fmt.Errorf("start the container: %w", err), r.remove(ctx))
	}
	return r, nil
}

// remove ends and removes the container, also when the look was cancelled.
func (r *running) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if _, err := r.c.ContainerRemove(ctx, r.id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
		return fmt.Errorf("remove the container %.12s: %w", r.id, err)
	}
	return nil
}

// state asks how the container is, and learns where its port is published.
func (r *running) state(ctx context.Context) (*dockercontainer.State, error) {
	got, err := r.c.ContainerInspect(ctx, r.id, client.ContainerInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("look at the container: %w", err)
	}
	if n := got.Container.NetworkSettings; n != nil {
		for _, b := range n.Ports[r.port] {
			r.address = "127.0.0.1:" + b.HostPort
		}
	}
	if got.Container.State == nil {
		return nil, errors.New("look at the container: the engine does not tell its state")
	}
	return got.Container.State, nil
}

// log returns what the container wrote, up to a bound.
func (r *running) log(ctx context.Context) ([]byte, error) {
	body, err := r.c.ContainerLogs(ctx, r.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "20000"})
	if err != nil {
		return nil, fmt.Errorf("read the log of the container: %w", err)
	}
	defer func() { _ = body.Close() }()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, io.LimitReader(body, mostLog)); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return out.Bytes(), fmt.Errorf("read the log of the container: %w", err)
	}
	return out.Bytes(), nil
}

// Startup runs the repository's image for a while, and returns the lines that it wrote. alive is false when it
// ended before. It serves kinds that judge the log of a container; fault is what stood in the way, nil = nothing.
func Startup(ctx context.Context, scope *checks.Scope, window time.Duration) (lines []string, alive bool, fault *checks.Observation, err error) {
	c, err := open(ctx, scope)
	if err != nil {
		return nil, false, nil, err
	}
	defer func() { _ = c.Close() }()
	id, fault, err := image(ctx, scope, c, "")
	if fault != nil || err != nil {
		return nil, false, fault, err
	}
	r, err := start(ctx, scope, c, id, 0)
	if err != nil {
		return nil, false, nil, err
	}
	defer func() { err = errors.Join(err, r.remove(ctx)) }()
	end := time.NewTimer(window)
	defer end.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for alive = true; alive; {
		select {
		case <-ctx.Done():
			return nil, false, nil, ctx.Err()
		case <-tick.C:
			st, stateErr := r.state(ctx)
			if stateErr != nil {
				return nil, false, nil, stateErr
			}
			alive = st.Running
			continue
		case <-end.C:
		}
		break
	}
	text, err := r.log(ctx)
	for line := range bytes.Lines(text) {
		lines = append(lines, string(bytes.ToValidUTF8(bytes.TrimRight(line, "\r\n"), []byte("\uFFFD"))))
	}
	return lines, alive, nil, err
}
