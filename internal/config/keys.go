package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/envcat"
	"github.com/voicectl/voicectl/internal/secret"
)

// Key is one leaf of the configuration.
type Key struct {
	Path    string // "limits.max_sessions"
	Kind    Kind
	Default string // as it would be written; "" = none
	Doc     string
	Flag    string   // "--public-url" without dashes; "" = no flag
	Env     []string // names that set it, the one that wins first
	OneOf   []string
	Range   string // "MIN..MAX"; "" = unbounded
	Secret  bool
}

// Kind is the type of a leaf.
type Kind string

// The kinds.
const (
	Text     Kind = "text"
	Number   Kind = "whole number"
	Decimal  Kind = "number"
	Switch   Kind = "true or false"
	Duration Kind = "duration"
	List     Kind = "list"
	Table    Kind = "table"
)

// schema is the set of keys, and the sections above them.
type schema struct {
	keys     []Key
	byPath   map[string]*Key
	children map[string][]string // section path ("" = root) -> names below it
	env      *envcat.Catalogue
}

// loadSchema is newSchema, once: every command that has flags of the configuration asks for it.
var loadSchema = sync.OnceValues(newSchema) //nolint:gochecknoglobals // made from the binary itself, never changed

// newSchema reads the tags of Config and joins them with the catalogue of variables.
func newSchema() (*schema, error) {
	env, err := envcat.Load()
	if err != nil {
		return nil, err
	}
	s := &schema{byPath: map[string]*Key{}, children: map[string][]string{}, env: env}
	if err := s.walk("", reflect.TypeFor[Config]()); err != nil {
		return nil, fmt.Errorf("configuration keys: %w", err)
	}
	for i := range s.keys {
		s.byPath[s.keys[i].Path] = &s.keys[i]
	}
	for _, v := range env.All() {
		if s.byPath[v.Key] == nil {
			return nil, fmt.Errorf("configuration keys: variable %s sets %s, which does not exist", v.Name, v.Key)
		}
	}
	return s, nil
}

func (s *schema) walk(section string, t reflect.Type) error {
	for f := range t.Fields() {
		name := f.Tag.Get("mapstructure")
		path := strings.TrimPrefix(section+"."+name, ".")
		s.children[section] = append(s.children[section], name)
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[secret.Secret]() {
			if err := s.walk(path, f.Type); err != nil {
				return err
			}
			continue
		}
		k, err := s.leaf(path, f)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		s.keys = append(s.keys, k)
	}
	return nil
}

func (s *schema) leaf(path string, f reflect.StructField) (Key, error) {
	tag := f.Tag.Get
	k := Key{Path: path, Default: tag("default"), Doc: tag("doc"), Range: tag("range"), OneOf: strings.Fields(tag("oneof"))}
	switch f.Type {
	case reflect.TypeFor[string](), reflect.TypeFor[secret.Secret]():
		k.Kind = Text
	case reflect.TypeFor[int]():
		k.Kind = Number
	case reflect.TypeFor[float64]():
		k.Kind = Decimal
	case reflect.TypeFor[bool]():
		k.Kind = Switch
	case reflect.TypeFor[time.Duration]():
		k.Kind = Duration
	case reflect.TypeFor[[]string](), reflect.TypeFor[[]secret.Secret]():
		k.Kind = List
	case reflect.TypeFor[map[string]string]():
		k.Kind = Table
	default:
		return k, fmt.Errorf("type %s is not supported", f.Type)
	}
	k.Secret = f.Type == reflect.TypeFor[secret.Secret]() || f.Type == reflect.TypeFor[[]secret.Secret]()
	if tag("flag") != "" {
		k.Flag = strings.ReplaceAll(path, "_", "-")
	}
	if k.Kind != Table {
		k.Env = append(k.Env, envName(path))
	}
	for i, v := range s.env.ForKey(path) {
		if i == 0 && (k.Default != "" || k.Doc != "") {
			return k, errors.New("default and doc belong in the catalogue of variables")
		}
		if i == 0 {
			k.Default, k.Doc = v.Default, v.Doc
		}
		if k.Secret != v.Secret {
			return k, fmt.Errorf("secret here is %v, in the catalogue of %s %v", k.Secret, v.Name, v.Secret)
		}
		if v.Name != envName(path) {
			k.Env = append(k.Env, v.Name)
		}
	}
	if path == "port" { // PORT stands above everything but the flag
		k.Env = []string{"PORT", envName(path)}
	}
	if k.Doc == "" {
		return k, errors.New("has no doc")
	}
	return k, nil
}

// envName is the variable that every key has: VOICECTL_ and its path.
func envName(path string) string {
	return "VOICECTL_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// Keys lists every key of the configuration in order.
func Keys() ([]Key, error) {
	s, err := loadSchema()
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.keys), nil
}
