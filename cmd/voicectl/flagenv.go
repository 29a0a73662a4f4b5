package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/voicectl/voicectl/internal/config"
)

// Every flag has a variable: --hold is VOICECTL_HOLD. The flags of the configuration are read by the
// config package, which knows more layers; consent has no variable, because it is given each time.

func flagEnv(name string) string {
	return "VOICECTL_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func hasEnv(f *pflag.Flag) bool {
	switch f.Name {
	case "help", "version", "yes", "force", "plan":
		return false
	}
	return !strings.HasPrefix(f.Name, "allow-") && f.Annotations[config.FlagKey] == nil
}

func flagEnvNames(c *cobra.Command) []string {
	var out []string
	collect := func(f *pflag.Flag) {
		if hasEnv(f) {
			out = append(out, flagEnv(f.Name))
		}
	}
	c.LocalFlags().VisitAll(collect)
	return out
}

// flagsFromEnv sets the flags that were not given from their variables.
func flagsFromEnv(c *cobra.Command, getenv func(string) string) error {
	var first error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		value := getenv(flagEnv(f.Name))
		if first != nil || f.Changed || value == "" || !hasEnv(f) {
			return
		}
		if err := c.Flags().Set(f.Name, value); err != nil {
			first = usageErrorf("%s: %w", flagEnv(f.Name), err)
		}
	})
	return first
}
