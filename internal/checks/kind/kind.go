// Package kind is the closed set of check kinds. Each family is a package of its own below.
package kind

import (
	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/container"
	"github.com/voicectl/voicectl/internal/checks/kind/env"
	"github.com/voicectl/voicectl/internal/checks/kind/hook"
	"github.com/voicectl/voicectl/internal/checks/kind/manifest"
	"github.com/voicectl/voicectl/internal/checks/kind/repo"
	"github.com/voicectl/voicectl/internal/checks/kind/telemetry"
	"github.com/voicectl/voicectl/internal/checks/kind/toolchain"
	"github.com/voicectl/voicectl/internal/checks/kind/vendor"
	"github.com/voicectl/voicectl/internal/checks/kind/web"
)

// All returns every kind by name.
func All() checks.Kinds {
	out := checks.Kinds{}
	for _, family := range [][]*checks.Kind{
		container.Kinds(),
		env.Kinds(),
		hook.Kinds(),
		manifest.Kinds(),
		repo.Kinds(),
		telemetry.Kinds(),
		toolchain.Kinds(),
		vendor.Kinds(),
		web.Kinds(),
	} {
		for _, k := range family {
			out[k.Name] = k
		}
	}
	self := helpLinks(out)
	out[self.Name] = self
	return out
}
