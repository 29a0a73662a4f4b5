// Package container holds the kinds that build the backend's image and run it, on the container engine of the
// operator, by its HTTP API. What they start they remove, whatever happens; what they publish is published on
// the loopback address alone.
//
// Goroutines: one that writes the build context into the request; build waits for it.
package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/moby/moby/client"

	"github.com/voicectl/voicectl/internal/checks"
)

// Kinds returns the family.
func Kinds() []*checks.Kind { return []*checks.Kind{dockerBuild(), dockerRunHealth()} }

// open connects to the engine of the scope and agrees on a version of its API.
func open(ctx context.Context, scope *checks.Scope) (*client.Client, error) {
	if scope.Engine == "" {
		return nil, errors.New("connect to the container engine: no address was given")
	}
	c, err := client.New(client.WithHost(scope.Engine), client.WithUserAgent("voicectl"))
	if err != nil {
		return nil, fmt.Errorf("connect to the container engine: %w", err)
	}
	if _, err = c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the container engine: %w", err), c.Close())
	}
	return c, nil
}

// publishedOn is the address at which a published port of the engine can be reached, "" when the engine is on
// another machine.
func publishedOn(engine string) string {
	u, err := url.Parse(engine)
	if err != nil {
		return ""
	}
	if u.Scheme == "unix" || u.Scheme == "npipe" {
		return "127.0.0.1"
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return "127.0.0.1"
	}
	return ""
}

// imageName is the name that the backend's image has where the checklist leaves it to the project.
func imageName(scope *checks.Scope) string {
	if own := scope.Names["image"]; own != "" {
		return own
	}
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, filepath.Base(scope.Repo))
	return "voicectl-check/" + strings.Trim("a-"+name, "-") + ":local"
}
