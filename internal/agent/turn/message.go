package turn

// Role of a message in the conversation.
type Role string

// The roles, by the words of the chat completion interface.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
	Tool      Role = "tool"
)

// Message is one entry of the conversation as the model sees it.
type Message struct {
	Role  Role       `json:"role"`
	Text  string     `json:"text,omitempty"`
	Calls []ToolCall `json:"calls,omitempty"`   // of an assistant message
	ID    string     `json:"id,omitempty"`      // of a tool message: the call it answers
	Name  string     `json:"name,omitempty"`    // of a tool message
	Cut   bool       `json:"cut,omitempty"`     // the caller spoke over the rest
	Turn  int        `json:"turn,omitempty"`    // number of the turn it belongs to
	Facts bool       `json:"summary,omitempty"` // stands for older messages
}
