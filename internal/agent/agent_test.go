package agent

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/templates"
)

const sound = "name: ann\nprompt: Be kind.\n"

// endless is a file without end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

// H101: a hostile definition is refused in little time and memory, whatever it would grow to.
func TestHostile_H101_AgentDefinition(t *testing.T) {
	bomb := "a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",") + "]\n"
	}
	wide := "phrases: [&x \"" + strings.Repeat("y", 100<<10) + "\"" + strings.Repeat(",*x", 50000) + "]\n"
	for name, text := range map[string]string{
		"billion laughs":                bomb + sound,
		"billion laughs, typed":         strings.NewReplacer("a: ", "tools: ", "i: ", "phrases: ").Replace(bomb) + sound,
		"billion laughs, second":        sound + "---\n" + bomb,
		"one long text many times":      sound + wide,
		"a text that holds itself":      sound + "tools: &t [*t]\n",
		"merged":                        "x: &x {name: ann}\n<<: [*x,*x]\nprompt: y\n",
		"nested for ever":               sound + "tools: " + strings.Repeat("[", 100000),
		"nested mappings":               sound + "apologies: " + strings.Repeat("{a: ", 20000),
		"a title of 64 KiB":             sound + "title: " + strings.Repeat("x", 64<<10) + "\n",
		"a greeting of one word":        sound + "greeting: " + strings.Repeat("x", 64<<10) + "\n",
		"a prompt of 64 KiB":            "name: ann\nprompt: " + strings.Repeat("x", 64<<10) + "\n",
		"a thousand fillers":            sound + "fillers: [" + strings.Repeat("x,", 1000) + "]\n",
		"a thousand apologies":          sound + "apologies: {" + numbered(1000) + "}\n",
		"a type of the host's language": sound + "title: !!python/object/apply:os.system [id]\n",
		"a key twice":                   sound + "name: bob\n",
		"a name that is a path":         "name: ../../x\nprompt: y\n",
		"a key of tomorrow":             sound + "exec: rm\n",
		"NUL":                           sound + "title: \"\x00\"\n",
		"nothing":                       "",
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			d, err := Read(strings.NewReader(text), "x.yaml")
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Errorf("was taken: %.200v", d)
			} else if len(err.Error()) > 64<<10 {
				t.Errorf("the refusal has %d bytes", len(err.Error()))
			}
			if grown := after.TotalAlloc - before.TotalAlloc; took > 5*time.Second || grown > 256<<20 {
				t.Errorf("took %v and %d MiB", took, grown>>20)
			}
		})
	}
	e := &endless{}
	if _, err := Read(io.MultiReader(strings.NewReader(sound+"title: "), e), "x.yaml"); err == nil || e.read > 1<<20 {
		t.Errorf("of a file without end %d bytes were read: %v", e.read, err)
	}
	if _, err := Read(broken{}, "x.yaml"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("k" + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + strings.Repeat("y", i/50) + ": z,")
	}
	return b.String()
}

func TestRead_TakesWhatIsBuiltIn(t *testing.T) {
	d, err := Load(templates.FS, "julia")
	if err != nil || d.Name != "julia" || len(d.Tools) != 5 {
		t.Errorf("got %+v, %v", d, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sound)
	f.Add(sound + "tools: &t [a, b]\nphrases: *t\napologies: {default: Sorry.}\n")
	f.Add("a: &a [x,x]\nb: &b [*a,*a]\n<<: *b\n")
	f.Add("--- !!map\n? name\n: ann\n...\n---\n")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Read(strings.NewReader(s), "x.yaml")
		if err == nil && (d.Validate() != nil || !reName.MatchString(d.Name) || d.Prompt == "" || len(d.Phrases) > 64) {
			t.Fatalf("%q was taken as %+v", s, d)
		}
	})
}
