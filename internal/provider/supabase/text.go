package supabase

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Text is a string that a function may as well send as a number, a boolean or null: identifiers come from
// whatever column type the table has.
type Text string

// UnmarshalJSON takes every scalar.
func (t *Text) UnmarshalJSON(b []byte) error {
	s := strings.TrimSpace(string(b))
	switch {
	case s == "null":
		*t = ""
		return nil
	case strings.HasPrefix(s, `"`):
		return json.Unmarshal(b, (*string)(t))
	case strings.HasPrefix(s, "{"), strings.HasPrefix(s, "["):
		return fmt.Errorf("text: want a string or a number, got %.20s", s)
	}
	*t = Text(s)
	return nil
}

// Amount is a decimal number kept as it was written, so that no rounding comes between the database and the
// ear. It accepts a quoted number too (numeric columns arrive so), and is written without quotes.
type Amount string

// UnmarshalJSON takes a number, a quoted number or null.
func (a *Amount) UnmarshalJSON(b []byte) error {
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("amount: want a number, got %.20s", b)
	}
	if len(n) > 64 {
		return fmt.Errorf("amount: %d digits", len(n))
	}
	*a = Amount(n)
	return nil
}

// MarshalJSON writes a bare number, null when not set.
func (a Amount) MarshalJSON() ([]byte, error) {
	if a == "" {
		return []byte("null"), nil
	}
	return json.Marshal(json.Number(a))
}
