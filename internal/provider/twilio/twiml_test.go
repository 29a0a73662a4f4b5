package twilio

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestRenderTwiML_ReadBack(t *testing.T) {
	verbs := []Verb{
		Connect("wss://example.com/twilio/media", Parameter{"token", `a&b<c>"d"`}, Parameter{"empty", ""}),
		Say("Tom & Jerry <3", "alice", "en-US"),
		Pause(2 * time.Second),
		Record("/twilio/done", 120*time.Second, true),
		Dial("+15551234567", "+15557654321", 20*time.Second),
		Redirect("https://example.com/next?a=1&b=2"),
		Hangup(),
	}
	doc, err := RenderTwiML(TwiMLOptions{}, verbs...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(doc), "<?xml ") || !strings.Contains(string(doc), "a=1&amp;b=2") {
		t.Fatalf("document is %s", doc)
	}
	got, err := ParseTwiML(doc, TwiMLOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var strip func(v []Verb) []Verb
	strip = func(v []Verb) []Verb {
		for i := range v {
			v[i].Line = 0
			v[i].Verbs = strip(v[i].Verbs)
		}
		return v
	}
	if got = strip(got); !reflect.DeepEqual(got, verbs) {
		t.Fatalf("got  %+v\nwant %+v", got, verbs)
	}
	if p := got[0].Verbs[0].Parameters(); p["token"] != `a&b<c>"d"` || len(p) != 2 {
		t.Fatalf("parameters are %v", p)
	}
}

func TestRenderTwiML_RefusesWhatTheNetworkWouldDrop(t *testing.T) {
	for name, v := range map[string]Verb{
		"query":       Connect("wss://example.com/media?token=1"),
		"plain ws":    Connect("ws://example.com/media"),
		"loopback ws": Connect("ws://127.0.0.1:8000/media"),
		"long param":  Connect("wss://example.com/m", Parameter{"n", strings.Repeat("x", 500)}),
		"empty say":   Say("", "", ""),
		"reject":      Reject("tired"),
	} {
		if _, err := RenderTwiML(TwiMLOptions{}, v); err == nil {
			t.Errorf("%s: rendered", name)
		}
	}
	if _, err := RenderTwiML(TwiMLOptions{LoopbackStreams: true}, Connect("ws://127.0.0.1:8000/media")); err != nil {
		t.Errorf("loopback allowed: %v", err)
	}
	if _, err := RenderTwiML(TwiMLOptions{LoopbackStreams: true}, Connect("ws://127.0.0.1.example.com/media")); err == nil {
		t.Error("a name that only begins like loopback was taken for it")
	}
}

func TestParseTwiML_Judges(t *testing.T) {
	stream := func(attrs string) string {
		return `<Response><Connect><Stream ` + attrs + `/></Connect></Response>`
	}
	tests := map[string]struct {
		doc   string
		codes []int
		says  string
	}{
		"empty response":               {doc: `<Response/>`},
		"declaration":                  {doc: `<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>`},
		"comment":                      {doc: `<Response><!-- x --><Hangup/></Response>`},
		"other verbs":                  {doc: `<Response><Gather input="dtmf"><Say>x</Say></Gather><Play>http://x/y.mp3</Play></Response>`},
		"dial with a noun":             {doc: `<Response><Dial><Number>+1555</Number></Dial></Response>`},
		"white space before root":      {doc: "\n<Response/>"},
		"space before the declaration": {doc: ` <?xml version="1.0"?><Response/>`, codes: []int{CodeDocument}, says: "first byte"},
		"bare ampersand":               {doc: `<Response><Redirect>https://a/?x=1&y=2</Redirect></Response>`, codes: []int{CodeDocument}, says: "entity"},
		"bare ampersand in an url":     {doc: stream(`url="wss://a/b&c"`), codes: []int{CodeDocument}},
		"unknown entity":               {doc: `<Response><Say>&nbsp;</Say></Response>`, codes: []int{CodeDocument}},
		"document type":                {doc: `<!DOCTYPE x [<!ENTITY a "b">]><Response/>`, codes: []int{CodeDocument}},
		"another encoding":             {doc: `<?xml version="1.0" encoding="utf-16"?><Response/>`, codes: []int{CodeDocument}},
		"not closed":                   {doc: `<Response><Say>x</Say>`, codes: []int{CodeDocument}},
		"closed by another":            {doc: `<Response><Say>x</say></Response>`, codes: []int{CodeDocument}},
		"two roots":                    {doc: `<Response/><Response/>`, codes: []int{CodeDocument}},
		"text after the root":          {doc: `<Response/>x`, codes: []int{CodeDocument}},
		"attribute twice":              {doc: stream(`url="wss://a/" url="wss://b/"`), codes: []int{CodeDocument}},
		"empty":                        {doc: ``, codes: []int{CodeDocument}},
		"html":                         {doc: `<html><body>404</body></html>`, codes: []int{CodeSchema}},
		"root in lower case":           {doc: `<response/>`, codes: []int{CodeSchema}, says: "<Response>"},
		"verb in lower case":           {doc: `<Response><say>x</say></Response>`, codes: []int{CodeSchema}, says: "case matters: <Say>"},
		"attribute in another case":    {doc: `<Response><Say Voice="alice">x</Say></Response>`, codes: []int{CodeSchema}},
		"length not a number":          {doc: `<Response><Pause length="5s"/></Response>`, codes: []int{CodeSchema}},
		"two in one connect":           {doc: `<Response><Connect><Stream url="wss://a/"/><Stream url="wss://b/"/></Connect></Response>`, codes: []int{CodeSchema}},
		"https stream":                 {doc: stream(`url="https://a/b"`), codes: []int{CodeScheme}},
		"ws stream":                    {doc: stream(`url="ws://a/b"`), codes: []int{CodeScheme}},
		"relative stream":              {doc: stream(`url="/media"`), codes: []int{CodeURL}},
		"no stream url":                {doc: stream(``), codes: []int{CodeURL}},
		"query":                        {doc: stream(`url="wss://a/b?c=d"`), codes: []int{CodeSchema}, says: "<Parameter>"},
		"both tracks on connect":       {doc: stream(`url="wss://a/b" track="both_tracks"`), codes: []int{CodeTrack}},
		"both tracks on start":         {doc: `<Response><Start><Stream url="wss://a/b" track="both_tracks"/></Start></Response>`},
		"parameter without a name":     {doc: `<Response><Connect><Stream url="wss://a/"><Parameter value="x"/></Stream></Connect></Response>`, codes: []int{CodeSchema}},
		"redirect nowhere":             {doc: `<Response><Redirect/></Response>`, codes: []int{CodeSchema}},
		"redirect to a script":         {doc: `<Response><Redirect>javascript:alert(1)</Redirect></Response>`, codes: []int{CodeSchema}},
		"two faults at once":           {doc: `<Response><Reject reason="no"/><Pause length="x"/></Response>`, codes: []int{CodeSchema, CodeSchema}},
		"nested too deep":              {doc: strings.Repeat("<a>", 50) + strings.Repeat("</a>", 50), codes: []int{CodeDocument}},
		"too many":                     {doc: "<Response>" + strings.Repeat("<Hangup/>", 600) + "</Response>", codes: []int{CodeDocument}},
		"too large":                    {doc: "<Response><Say>" + strings.Repeat("x", MaxTwiML) + "</Say></Response>", codes: []int{CodeDocument}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseTwiML([]byte(tc.doc), TwiMLOptions{})
			var te *TwiMLError
			var codes []int
			if errors.As(err, &te) {
				for _, f := range te.Faults {
					codes = append(codes, f.Code)
				}
			} else if err != nil {
				t.Fatalf("got %v, want a *TwiMLError", err)
			}
			if !reflect.DeepEqual(codes, tc.codes) {
				t.Fatalf("got %v, want codes %v", err, tc.codes)
			}
			if tc.says != "" && !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v, want it to say %q", err, tc.says)
			}
		})
	}
}

func TestParseTwiML_FaultTellsItsLine(t *testing.T) {
	_, err := ParseTwiML([]byte("<Response>\n  <Hangup/>\n  <Pause length=\"x\"/>\n</Response>"), TwiMLOptions{})
	var te *TwiMLError
	if !errors.As(err, &te) || te.Faults[0].Line != 3 {
		t.Fatalf("got %v, want line 3", err)
	}
}

// FuzzParseTwiML shows that what is taken can be written again and means the same.
func FuzzParseTwiML(f *testing.F) {
	doc, err := RenderTwiML(TwiMLOptions{}, Connect("wss://a/b", Parameter{"x", "&"}), Say("hi", "alice", ""), Hangup())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`<Response><Gather><Say>x<break/>y</Say></Gather><Dial>+1</Dial></Response>`))
	f.Add([]byte(`<!DOCTYPE a><Response/>`))
	f.Add([]byte(`<Response>&#0;<x:y/></Response>`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		o := TwiMLOptions{LoopbackStreams: true}
		verbs, perr := ParseTwiML(doc, o)
		if perr != nil {
			var te *TwiMLError
			if !errors.As(perr, &te) || len(te.Faults) == 0 {
				t.Fatalf("not a TwiMLError: %v", perr)
			}
			return
		}
		if _, perr = RenderTwiML(o, verbs...); perr != nil && len(doc) < MaxTwiML/8 {
			t.Fatalf("taken once, refused when written again: %v", perr)
		}
	})
}

// FuzzRenderTwiML shows that whatever texts a document is built from, it is refused or comes back as it went:
// nothing breaks out of an attribute or an element.
func FuzzRenderTwiML(f *testing.F) {
	f.Add("wss://a/b", "token", "x&\"'<>", "Say <break/> this", "+15550100001")
	f.Add("wss://a\"/><Dial>+1900</Dial>", "a", "]]>", "\x00\x1b", "</Dial><Redirect>")
	f.Add("ws://127.0.0.1/x", "\u2028", "\xff", "<![CDATA[", "sip:a@b")
	f.Fuzz(func(t *testing.T, url, name, value, text, number string) {
		o := TwiMLOptions{LoopbackStreams: true}
		doc, err := RenderTwiML(o, Connect(url, Parameter{name, value}), Say(text, "", ""), Dial(number, "", 0))
		if err != nil {
			return
		}
		verbs, err := ParseTwiML(doc, o)
		if err != nil || len(verbs) != 3 || verbs[0].Name != "Connect" || verbs[1].Name != "Say" || verbs[2].Name != "Dial" {
			t.Fatalf("%s: %+v, %v", doc, verbs, err)
		}
		stream := verbs[0].Verbs[0]
		if len(verbs[0].Verbs) != 1 || len(verbs[1].Verbs) != 0 || len(verbs[2].Verbs) != 0 || len(stream.Verbs) != 1 {
			t.Fatalf("%s: %+v", doc, verbs)
		}
		plain := utf8.ValidString(url+name+value) && !strings.ContainsFunc(url+name+value, unicode.IsControl)
		if plain && (stream.Attr("url") != url || stream.Parameters()[name] != value) {
			t.Fatalf("parameter %q is read as %q in %s", value, stream.Parameters()[name], doc)
		}
	})
}
