package speechmatics

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is read by hand is read as the JSON that it is, or not at all.
func TestDecode_AcknowledgementsByHand(t *testing.T) {
	byHand := map[string]bool{
		`{"message":"AudioAdded","seq_no":1}`:                   true,
		`{"message": "AudioAdded", "seq_no": 12345}`:            true,
		`{ "message" : "AudioAdded" , "seq_no" : 7 }` + "\r\n":  true,
		`{"message":"AudioAdded","seq_no":0}`:                   true,
		`{"seq_no":3,"message":"AudioAdded"}`:                   false,
		`{"message":"AudioAdded","seq_no":3,"more":true}`:       false,
		`{"message":"AudioAdded","seq_no":-3}`:                  false,
		`{"message":"AudioAdded","seq_no":03}`:                  false,
		`{"message":"AudioAdded","seq_no":3.0}`:                 false,
		`{"message":"AudioAdded","seq_no":}`:                    false,
		`{"message":"AudioAdded","seq_no":9223372036854775808}`: false,
		`{"message":"Audio","seq_no":3}`:                        false,
		`{"message":"AudioAdded","seq_no":3}}`:                  false,
		`{"message":"AudioAdded","seq_no":1 2}`:                 false,
		``:                                                      false,
	}
	for text, want := range byHand {
		seq, ok := added([]byte(text))
		if ok != want {
			t.Errorf("%q: by hand %v, want %v", text, ok, want)
		}
		if !ok {
			continue
		}
		var m inbound
		if err := json.Unmarshal([]byte(text), &m); err != nil || m.SeqNo != seq || m.Message != MsgAudioAdded {
			t.Errorf("%q: by hand %d, by the library %+v, %v", text, seq, m, err)
		}
	}
}

func FuzzDecode_Acknowledgement(f *testing.F) {
	f.Add(`{"message":"AudioAdded","seq_no":1}`)
	f.Add(`{"message": "AudioAdded", "seq_no": 00 }`)
	f.Add(strings.Repeat("{", 40))
	f.Fuzz(func(t *testing.T, text string) {
		seq, ok := added([]byte(text))
		if !ok {
			return
		}
		var m inbound
		if err := json.Unmarshal([]byte(text), &m); err != nil || m.SeqNo != seq || m.Message != MsgAudioAdded {
			t.Errorf("%q: by hand %d, by the library %+v, %v", text, seq, m, err)
		}
	})
}
