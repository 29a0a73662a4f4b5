package turn

// Tokens estimates how many tokens a text is for a language model: a third of its bytes, rounded up. It is
// meant to be too much rather than too little, without a tokenizer: English is about four bytes a token,
// digits three, and a character of most other scripts takes two or three bytes and rarely more than a
// token. Where it is too little (random letters, emoji) the quarter of the window that the history may not
// take makes up for it.
func Tokens(s string) int { return (len(s) + 2) / 3 }

// perMessage is what a message costs beside its words: its role and its borders.
const perMessage = 4

func (m Message) tokens() int {
	n := perMessage + Tokens(m.Text)
	for _, c := range m.Calls {
		n += perMessage + Tokens(c.ID) + Tokens(c.Name) + Tokens(c.Arguments)
	}
	if m.Role == Tool {
		n += Tokens(m.ID) + Tokens(m.Name)
	}
	return n
}

// budget is what the history may take: three quarters of the window (JUL-12), less what is sent with every
// question. A window that leaves no room for a talk leaves a quarter of itself.
func (c Config) budget() int {
	if c.Window <= 0 {
		return 0
	}
	return max(c.Window*3/4-c.Overhead, c.Window/4, 1)
}
