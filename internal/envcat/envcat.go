// Package envcat is the catalogue of environment variables as data: what each is for, which agent needs
// it, what it must look like, whether it is secret and where to get it. Everything that speaks about the
// environment (validation, .env.example, the documentation) is made from it.
package envcat

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

//go:embed catalogue.yaml
var embedded []byte

// Catalogue is the list of variables in the order in which people should meet them.
type Catalogue struct {
	Groups []Group `yaml:"groups"`
}

// Group is what belongs to one service.
type Group struct {
	Title string `yaml:"title"`
	Vars  []Var  `yaml:"vars"`
}

// Var is one environment variable.
type Var struct {
	Name     string   `yaml:"name"`
	Key      string   `yaml:"key"` // configuration key that it sets
	Profiles []string `yaml:"profiles"`
	Required []string `yaml:"required"` // profiles that cannot start without it
	Default  string   `yaml:"default"`
	Secret   bool     `yaml:"secret"`
	Doc      string   `yaml:"doc"`   // one line
	Where    string   `yaml:"where"` // where to get a value
	Example  string   `yaml:"example"`
	Shape    Shape    `yaml:"shape"`
	Live     *Live    `yaml:"live"`
}

// Shape is what a value must look like. At most one of Pattern, URL and OneOf is set.
type Shape struct {
	Pattern string   `yaml:"pattern"`
	Words   string   `yaml:"words"`  // says the pattern to a person
	URL     []string `yaml:"url"`    // schemes of an absolute URL without user, query and fragment
	OneOf   []string `yaml:"one_of"` // in any case
	re      *regexp.Regexp
}

// Live is the narrower shape of a value that goes to the vendor's own host, which is the case when the
// variable URL is not set, or names Host or a host below it. Emulators and proxies take any key.
type Live struct {
	URL     string `yaml:"url"`
	Host    string `yaml:"host"`
	Pattern string `yaml:"pattern"`
	Words   string `yaml:"words"`
	re      *regexp.Regexp
}

// Load reads the catalogue that is built in.
func Load() (*Catalogue, error) { return Parse(embedded) }

// Parse reads a catalogue strictly: an unknown key, a second document, a name given twice, or a pattern
// that does not compile is an error.
func Parse(data []byte) (*Catalogue, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var c Catalogue
	if err := dec.Decode(&c); err != nil {
		return nil, fmt.Errorf("environment catalogue: %w", err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("environment catalogue: more than one document")
	}
	seen := map[string]bool{}
	for g := range c.Groups {
		for i := range c.Groups[g].Vars {
			v := &c.Groups[g].Vars[i]
			if err := v.compile(); err != nil {
				return nil, fmt.Errorf("environment catalogue: %s: %w", v.Name, err)
			}
			if seen[v.Name] {
				return nil, fmt.Errorf("environment catalogue: %s: given twice", v.Name)
			}
			seen[v.Name] = true
		}
	}
	return &c, nil
}

func (v *Var) compile() error {
	switch {
	case v.Name == "" || v.Key == "" || v.Doc == "" || len(v.Profiles) == 0:
		return errors.New("needs name, key, profiles and doc")
	case v.Shape.Pattern != "" && v.Shape.Words == "", v.Live != nil && v.Live.Words == "":
		return errors.New("a pattern needs words")
	}
	for _, p := range v.Required {
		if !slices.Contains(v.Profiles, p) {
			return fmt.Errorf("required by %q, which does not use it", p)
		}
	}
	var err error
	if v.Shape.Pattern != "" {
		if v.Shape.re, err = regexp.Compile(v.Shape.Pattern); err != nil {
			return fmt.Errorf("shape: %w", err)
		}
	}
	if v.Live != nil {
		if v.Live.re, err = regexp.Compile(v.Live.Pattern); err != nil {
			return fmt.Errorf("live: %w", err)
		}
	}
	return nil
}

// All lists every variable in order.
func (c *Catalogue) All() []Var {
	var out []Var
	for _, g := range c.Groups {
		out = append(out, g.Vars...)
	}
	return out
}

// Find returns the variable of that name.
func (c *Catalogue) Find(name string) (Var, bool) {
	for _, v := range c.All() {
		if v.Name == name {
			return v, true
		}
	}
	return Var{}, false
}

// ForKey lists the variables that set a configuration key, the one that wins first.
func (c *Catalogue) ForKey(key string) []Var {
	return slices.DeleteFunc(c.All(), func(v Var) bool { return v.Key != key })
}

// ForProfile returns the catalogue without what an agent does not look at; "all" and "" keep everything.
func (c *Catalogue) ForProfile(profile string) *Catalogue {
	var out Catalogue
	for _, g := range c.Groups {
		g.Vars = slices.DeleteFunc(slices.Clone(g.Vars), func(v Var) bool { return !uses(v.Profiles, profile) })
		if len(g.Vars) > 0 {
			out.Groups = append(out.Groups, g)
		}
	}
	return &out
}

// RequiredBy tells whether an agent cannot start without the variable.
func (v Var) RequiredBy(profile string) bool {
	return len(v.Required) > 0 && uses(v.Required, profile)
}

func uses(profiles []string, profile string) bool {
	return profile == "" || profile == "all" || slices.Contains(profiles, profile)
}
