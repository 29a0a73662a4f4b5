package conformance

// Socket is a WebSocket and what happens on it.
type Socket struct {
	Base    string            `yaml:"base" json:"base"`
	Path    string            `yaml:"path" json:"path"`
	Headers map[string]string `yaml:"headers" json:"headers"`
	Status  Codes             `yaml:"status" json:"status"` // of the upgrade; none = 101
	Refusal Shape             `yaml:"refusal" json:"refusal"`
	Beside  []string          `yaml:"beside" json:"beside"` // kinds of message that may come at any time
	Script  []Move            `yaml:"script" json:"script"` // after an upgrade that was not refused
	Whole   Whole             `yaml:"whole" json:"whole"`
}

// Move is one step on a socket: exactly one of its parts.
type Move struct {
	Send    any    `yaml:"send" json:"send,omitempty"` // as JSON
	Say     string `yaml:"say" json:"say,omitempty"`   // as text that is no JSON
	Sound   *Sound `yaml:"sound" json:"sound,omitempty"`
	Receive *Event `yaml:"receive" json:"receive,omitempty"`
	Close   Codes  `yaml:"close" json:"close,omitempty"` // the vendor ends the socket with one of these codes
}

// Sound is sent as binary messages of one length: silence, or words as tones with silence around them.
type Sound struct {
	Words    string `yaml:"words" json:"words"`       // "" = silence
	MS       int    `yaml:"ms" json:"ms"`             // of silence; with words, before them, and four times that behind
	Encoding string `yaml:"encoding" json:"encoding"` // pcm_s16le or mulaw
	Rate     int    `yaml:"rate" json:"rate"`         // samples a second
	FrameMS  int    `yaml:"frame_ms" json:"frame_ms"` // of one message
}

// Event is one message of a stream or socket, or several of a kind. Messages are compared with the events in
// their order: one that does not fit the event whose turn it is belongs to the next when that event may be
// absent or has been seen, or is a difference.
type Event struct {
	Is       string `yaml:"is" json:"is"`     // in words
	Kind     string `yaml:"kind" json:"kind"` // selects by the member that the document names
	When     Shape  `yaml:"when" json:"when"` // selects by shape
	Text     Rule   `yaml:"text" json:"text"` // selects a message that is no JSON
	Many     bool   `yaml:"many" json:"many"`
	Optional bool   `yaml:"optional" json:"optional"`
	JSON     Shape  `yaml:"json" json:"json"` // what must hold
}

// Whole is what holds over all messages together.
type Whole struct {
	Same   []string          `yaml:"same" json:"same"`     // paths whose value is the same in all that have it
	Counts map[string]string `yaml:"counts" json:"counts"` // kind = path whose number goes 1, 2, 3 …
	Joined []Joined          `yaml:"joined" json:"joined"`
	Save   map[string]string `yaml:"save" json:"save"` // variable = path, of the first that has it
}

// Joined is the texts of a path, one behind the other.
type Joined struct {
	Kind string `yaml:"kind" json:"kind"` // only of these messages
	Path string `yaml:"path" json:"path"`
	With string `yaml:"with" json:"with"` // what stands between
	Text []Rule `yaml:"text" json:"text"` // all must hold
	JSON Shape  `yaml:"json" json:"json"` // of the text as JSON
}
