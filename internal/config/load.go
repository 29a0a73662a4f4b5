package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"

	"github.com/voicectl/voicectl/internal/envcat"
)

// The files that are read when they exist and no other is named.
const (
	DefaultFile    = "voicectl.yaml"
	DefaultEnvFile = ".env"
)

// Options say where a configuration comes from.
type Options struct {
	Flags    map[string]string // key path -> text, of the flags that were given; see Flags
	Env      []string          // as os.Environ gives it
	Dir      string            // folder in which the files are looked for
	File     string            // named configuration file; "" = DefaultFile if there
	EnvFile  string            // named .env file; "" = DefaultEnvFile if there
	KnownEnv []string          // VOICECTL_ variables that other parts of the program read
}

// Load reads everything, checks everything, and returns a Config that can be used as it is. When the
// error is Faults, it lists all that is wrong and Sources still tells what was read.
func Load(o Options) (*Config, *Sources, error) {
	s, err := loadSchema()
	if err != nil {
		return nil, nil, err
	}
	l := &loader{s: s, o: o, final: map[string]setting{}}
	if err := l.read(); err != nil {
		return nil, nil, err
	}
	cfg, err := l.decode()
	if err != nil {
		return nil, nil, err
	}
	l.derive(cfg)
	l.checkVariables(cfg)
	l.fallbacks(cfg)
	l.checkRules(cfg)
	l.checkModes()
	src := l.sources(cfg)
	if len(l.faults) > 0 {
		return nil, src, l.faults
	}
	return cfg, src, nil
}

// setting is a value on its way to a key.
type setting struct {
	key    *Key
	value  any    // nil = it could not be read
	raw    string // as text
	name   string // as the writer calls it: a variable, a flag, or the key itself
	origin string // "voicectl.yaml:3", ".env:7", "environment", "flag"
}

type loader struct {
	s        *schema
	o        Options
	env      map[string]variable
	layers   [][]setting        // lowest first
	final    map[string]setting // by key path: the one that counts
	faults   Faults
	warnings []string
	files    []string
	open     []string // of those, what everybody can read
}

func (l *loader) read() error {
	file, err := l.file(l.o.File, DefaultFile)
	if err != nil {
		return err
	}
	envFile, err := l.file(l.o.EnvFile, DefaultEnvFile)
	if err != nil {
		return err
	}
	fromFile, warnings, faults := l.s.readFile(file.name, file.data)
	l.warnings = append(l.warnings, warnings...)
	l.layer(fromFile, faults)

	l.env, faults = readEnv(l.o.Env, envFile.name, envFile.data)
	l.faults = append(l.faults, faults...)
	l.layer(l.s.settingsFromEnv(l.env))
	l.warnings = append(l.warnings, l.s.strangers(l.env, l.o.KnownEnv)...)

	l.layer(l.fromFlags())
	return nil
}

type input struct {
	name string
	data []byte
}

// file reads a file that was named, which must exist, or one that may exist.
func (l *loader) file(named, otherwise string) (input, error) {
	name := named
	if name == "" {
		name = otherwise
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.o.Dir, path)
	}
	data, found, err := slurp(path)
	switch {
	case err != nil:
		return input{}, Faults{{At: name, What: err.Error()}}
	case !found && named != "":
		return input{}, Faults{{At: name, What: "does not exist", Fix: "check the path, or make one with `voicectl init`"}}
	case found:
		l.files = append(l.files, name)
		if fi, err := os.Stat(path); err == nil && fi.Mode().Perm()&0o004 != 0 {
			l.open = append(l.open, name)
		}
	}
	return input{name, data}, nil
}

// checkModes warns of files that hold a secret and that everybody on this machine can read.
func (l *loader) checkModes() {
	for _, name := range l.open {
		var secrets []string
		for i := range l.s.keys {
			set, ok := l.final[l.s.keys[i].Path]
			if ok && set.key.Secret && strings.HasPrefix(set.origin, name+":") {
				secrets = append(secrets, set.name)
			}
		}
		if len(secrets) > 0 {
			l.warnings = append(l.warnings, fmt.Sprintf("%s holds secrets (%s), and every user of this machine can read it; run `chmod 600 %s`",
				name, strings.Join(secrets, ", "), name))
		}
	}
}

func (l *loader) layer(settings []setting, faults Faults) {
	l.layers = append(l.layers, settings)
	l.faults = append(l.faults, faults...)
	for _, set := range settings {
		l.final[set.key.Path] = set
	}
}

func (l *loader) fromFlags() ([]setting, Faults) {
	var out []setting
	var faults Faults
	for i := range l.s.keys {
		k := &l.s.keys[i]
		text, given := l.o.Flags[k.Path]
		if !given {
			continue
		}
		set, fault := l.s.fromText(k, "--"+k.Flag, text, "flag")
		if fault != nil {
			fault.At = ""
			faults = append(faults, *fault)
		}
		out = append(out, set)
	}
	return out, faults
}

// decode lets viper merge the layers and fill the struct. Types were checked before, so an error here is
// a fault of this program.
func (l *loader) decode() (*Config, error) {
	v := viper.New()
	for i := range l.s.keys {
		k := &l.s.keys[i]
		if k.Default == "" {
			continue
		}
		value, wanted := k.parse(k.Default)
		if wanted != "" {
			return nil, fmt.Errorf("configuration keys: default of %s is not %s", k.Path, wanted)
		}
		v.SetDefault(k.Path, value)
	}
	for _, layer := range l.layers {
		if err := v.MergeConfigMap(nested(layer)); err != nil {
			return nil, fmt.Errorf("merge configuration: %w", err)
		}
	}
	var cfg Config
	if err := v.UnmarshalExact(&cfg); err != nil {
		return nil, fmt.Errorf("decode configuration: %w", err)
	}
	return &cfg, nil
}

func nested(settings []setting) map[string]any {
	root := map[string]any{}
	for _, set := range settings {
		if set.value == nil {
			continue
		}
		at := root
		parts := strings.Split(set.key.Path, ".")
		for _, p := range parts[:len(parts)-1] {
			next, ok := at[p].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[p] = next
			}
			at = next
		}
		at[parts[len(parts)-1]] = set.value
	}
	return root
}

// checkVariables holds the catalogue against the values that count, wherever they were written.
func (l *loader) checkVariables(cfg *Config) {
	for _, p := range l.s.env.Validate(cfg.Profile, cfg.Sandbox, l.valueOf) {
		f := Fault{Key: p.Var.Name, What: p.What, Fix: p.Fix}
		if set, ok := l.final[p.Var.Key]; ok {
			f.At, f.Key = set.origin, set.name
		}
		if p.Missing {
			if near := l.misspelt(p.Var.Name); near != "" {
				f.Fix = near + " is set: is that the one that was meant?"
			}
		}
		if p.Soft {
			l.warnings = append(l.warnings, f.String())
			continue
		}
		l.faults = append(l.faults, f)
	}
}

// valueOf gives the text that counts for a variable. Of several variables for one key only the one that
// set it has a value, so that a bad value is reported once.
func (l *loader) valueOf(v envcat.Var) string {
	set, ok := l.final[v.Key]
	if !ok {
		return v.Default
	}
	names := l.s.env.ForKey(v.Key)
	owner := names[0].Name
	if slices.ContainsFunc(names, func(o envcat.Var) bool { return o.Name == set.name }) {
		owner = set.name
	}
	if v.Name != owner {
		return ""
	}
	if set.value == nil { // already a fault: neither missing nor of a wrong shape as well
		return v.Default
	}
	return set.raw
}

// misspelt finds a variable that is set, unknown, and nearly called like the one that is missing.
func (l *loader) misspelt(name string) string {
	var set []string
	for other, v := range l.env {
		if _, known := l.s.env.Find(other); !known && v.value != "" {
			set = append(set, other)
		}
	}
	slices.Sort(set)
	return envcat.Nearest(name, set)
}
