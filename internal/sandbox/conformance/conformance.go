// Package conformance holds what a vendor is known to do as data, and performs it: the same cases run against an
// emulator of the sandbox, against the vendor itself when there is a key, and are read by the tests in which the
// vendors' own client libraries judge the sandbox. What a case expects is a shape and not a value, so that it
// holds for both.
//
// Goroutines: a WebSocket that is open has one, which reads; the case waits for it.
package conformance

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed cases/*.yaml
var files embed.FS

// Document is the cases of one vendor.
type Document struct {
	Vendor  string            `yaml:"vendor" json:"vendor"`
	Source  string            `yaml:"source" json:"source"`   // what the cases were made from
	Kind    string            `yaml:"kind" json:"kind"`       // the member that names a message of the vendor's stream or socket
	Headers map[string]string `yaml:"headers" json:"headers"` // of every request
	Vars    map[string]string `yaml:"vars" json:"vars"`       // what an operator may set, and what holds otherwise
	Cases   []Case            `yaml:"cases" json:"cases"`
}

// Case is one thing that the vendor is known to do.
type Case struct {
	Name string `yaml:"name" json:"name"` // unique in its document
	Why  string `yaml:"why" json:"why"`
	Cost Cost   `yaml:"cost" json:"cost"`
	Key  Key    `yaml:"key" json:"key"`
	// SandboxOnly says why the vendor itself cannot be asked; "" = it can.
	SandboxOnly string `yaml:"sandbox_only" json:"sandbox_only"`
	// Library: the vendor's client library can drive it, and the interop tests do.
	Library bool   `yaml:"library" json:"library"`
	Steps   []Step `yaml:"steps" json:"steps"`
}

// Cost tells what a case costs its operator.
type Cost string

// Paid cases make the vendor think, speak or listen; they cost a fraction of a cent each.
const (
	Free Cost = "free"
	Paid Cost = "paid"
)

// Key tells what a case shows for a key.
type Key string

// The keys: the operator's; one that is nobody's; none at all.
const (
	GoodKey Key = "good"
	BadKey  Key = "bad"
	NoKey   Key = "none"
)

// Step is one request, or one socket from its upgrade to its end.
type Step struct {
	Unless  string   `yaml:"unless" json:"unless"` // left out when this variable is set
	Request *Request `yaml:"request" json:"request,omitempty"`
	Expect  *Expect  `yaml:"expect" json:"expect,omitempty"`
	Socket  *Socket  `yaml:"socket" json:"socket,omitempty"`
}

// Request is an HTTP request. Variables, written ${name}, stand in any text.
type Request struct {
	Base    string            `yaml:"base" json:"base"` // another address of the vendor: management
	Method  string            `yaml:"method" json:"method"`
	Path    string            `yaml:"path" json:"path"`
	Headers map[string]string `yaml:"headers" json:"headers"`
	JSON    any               `yaml:"json" json:"json"`
	Text    string            `yaml:"text" json:"text"` // a body that is no JSON
}

// Expect is the shape of an answer.
type Expect struct {
	Status  Codes             `yaml:"status" json:"status"`
	Class   Class             `yaml:"class" json:"class"`     // what a client makes of the refusal
	Type    Rule              `yaml:"type" json:"type"`       // of the content, without its parameters
	Headers map[string]Rule   `yaml:"headers" json:"headers"` // names as they are written in Go
	JSON    Shape             `yaml:"json" json:"json"`
	Text    Rule              `yaml:"text" json:"text"`
	Starts  string            `yaml:"starts" json:"starts"` // the first bytes
	Bytes   int               `yaml:"bytes" json:"bytes"`   // at least so many
	Events  []Event           `yaml:"events" json:"events"` // of a stream, in their order
	Lines   string            `yaml:"lines" json:"lines"`   // "kind": each event of a stream is named as its message is; "none": none has a name
	Whole   Whole             `yaml:"whole" json:"whole"`
	Save    map[string]string `yaml:"save" json:"save"` // variable = path
}

// Class is a kind of refusal, as client libraries tell them apart.
type Class string

// statuses are the HTTP statuses of a class, nil when it is unknown.
func (c Class) statuses() []int {
	return map[Class][]int{
		"bad_request": {400, 422}, "authentication": {401}, "permission": {403}, "not_found": {404}, "rate_limit": {429},
	}[c]
}

// Codes is one code or a list of them.
type Codes []int

// UnmarshalYAML implements yaml.Unmarshaler.
func (c *Codes) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*c = make(Codes, 1)
		return n.Decode(&(*c)[0])
	}
	return n.Decode((*[]int)(c))
}

func (c Codes) String() string { return strings.Trim(fmt.Sprint([]int(c)), "[]") }

// Vendors lists the vendors that have cases.
func Vendors() []string { return []string{"cartesia", "openai", "speechmatics", "supabase"} }

// Load reads the cases of a vendor.
func Load(vendor string) (*Document, error) {
	if !slices.Contains(Vendors(), vendor) {
		return nil, fmt.Errorf("load cases: unknown vendor %.40q; it must be one of %s", vendor, strings.Join(Vendors(), ", "))
	}
	data, err := files.ReadFile("cases/" + vendor + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("load cases: %w", err)
	}
	return Parse(data)
}

// Parse reads a document strictly: what it does not know, or could never hold, is an error.
func Parse(data []byte) (*Document, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	var doc Document
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("load cases: %w", err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("load cases: something follows the document")
	}
	if err := doc.check(); err != nil {
		return nil, fmt.Errorf("load cases: %w", err)
	}
	return &doc, nil
}

// Case finds one by its name.
func (d *Document) Case(name string) (Case, bool) {
	i := slices.IndexFunc(d.Cases, func(c Case) bool { return c.Name == name })
	if i < 0 {
		return Case{}, false
	}
	return d.Cases[i], true
}
