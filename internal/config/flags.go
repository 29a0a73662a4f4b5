package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// FlagKey is the annotation on a flag that names the key it sets.
const FlagKey = "voicectl_config_key"

// AddFlags gives a command one flag for every key that has one. Values are checked by Load and not by
// the flag, so that a bad one is reported together with everything else.
func AddFlags(fs *pflag.FlagSet) error {
	keys, err := Keys()
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Flag == "" {
			continue
		}
		f := fs.VarPF(&flagValue{text: k.Default, kind: k.Kind}, k.Flag, "", firstSentence(k.Doc))
		f.DefValue = k.Default
		f.Annotations = map[string][]string{FlagKey: {k.Path}}
		if k.Kind == Switch {
			f.NoOptDefVal = "true"
		}
	}
	return nil
}

// Flags collects the flags of AddFlags that were given, for Options.Flags.
func Flags(fs *pflag.FlagSet) map[string]string {
	out := map[string]string{}
	fs.Visit(func(f *pflag.Flag) {
		if key := f.Annotations[FlagKey]; len(key) == 1 {
			out[key[0]] = f.Value.String()
		}
	})
	return out
}

// flagValue keeps the text as it was given.
type flagValue struct {
	text string
	kind Kind
}

func (v *flagValue) String() string { return v.text }

func (v *flagValue) Set(text string) error {
	v.text = text
	return nil
}

// Type is the word that help shows after the flag.
func (v *flagValue) Type() string {
	switch v.kind {
	case Switch:
		return "bool"
	case Number, Decimal:
		return "number"
	case Duration:
		return "duration"
	case Text, List, Table:
	}
	return "string"
}

// firstSentence makes a doc fit a line of help.
func firstSentence(doc string) string {
	s, _, _ := strings.Cut(doc, ". ")
	return strings.TrimSuffix(strings.ToLower(s[:1])+s[1:], ".")
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
