package rtvi

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// golden holds bytes written by Python's protobuf from the published frames.proto.
func golden() map[string]struct {
	hex   string
	frame Frame
} {
	pcm := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	return map[string]struct {
		hex   string
		frame Frame
	}{
		"text":          {"0a170807120b546578744672616d6523301a0668c3a96c6c6f", Frame{Kind: FrameText, ID: 7, Name: "TextFrame#0", Text: "héllo"}},
		"audio":         {"12171a10000102030405060708090a0b0c0d0e0f20807d2801", Frame{Kind: FrameAudio, Audio: pcm, Rate: 16000, Channels: 1}},
		"audio, pts 0":  {"121208ac021201611a02010220c0bb0128013000", Frame{Kind: FrameAudio, ID: 300, Name: "a", Audio: []byte{1, 2}, Rate: 24000, Channels: 1, HasPTS: true}},
		"transcription": {"1a2208011201741a0268692201752a14323032362d30312d30315430303a30303a30305a", Frame{Kind: FrameTranscription, ID: 1, Name: "t", Text: "hi", UserID: "u", Timestamp: "2026-01-01T00:00:00Z"}},
		"message":       {"22150a137b226c6162656c223a22727476692d6169227d", Frame{Kind: FrameMessage, Data: []byte(`{"label":"rtvi-ai"}`)}},
		"interruption":  {"2a050801120169", Frame{Kind: FrameInterruption, ID: 1, Name: "i"}},
		"empty message": {"2200", Frame{Kind: FrameMessage}},
	}
}

func TestFrame_GoldenBytes(t *testing.T) {
	for name, tc := range golden() {
		t.Run(name, func(t *testing.T) {
			want, err := hex.DecodeString(tc.hex)
			if err != nil {
				t.Fatal(err)
			}
			if got := AppendFrame(nil, tc.frame); !bytes.Equal(got, want) {
				t.Errorf("wrote %x\nwant  %x", got, want)
			}
			var got Frame
			if err = DecodeFrame(want, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.frame) {
				t.Errorf("read %+v\nwant %+v", got, tc.frame)
			}
		})
	}
	audio := golden()["audio"]
	if got := hex.EncodeToString(AppendAudio(nil, audio.frame.Audio, 16000, 1)); got != audio.hex {
		t.Errorf("AppendAudio wrote %s, want %s", got, audio.hex)
	}
}

func TestDecodeFrame_UnionRules(t *testing.T) {
	for name, tc := range map[string]struct {
		hex  string
		want Frame
	}{
		"the same member twice is merged":   {"120320807d12041a020909", Frame{Kind: FrameAudio, Audio: []byte{9, 9}, Rate: 16000}},
		"another member replaces":           {"0a031a017822030a01793a017a", Frame{Kind: FrameMessage, Data: []byte("y")}},
		"unknown fields are passed over":    {"3a017a12041a020909" + "4801", Frame{Kind: FrameAudio, Audio: []byte{9, 9}}},
		"a known number of another kind is": {"0801" + "2200", Frame{Kind: FrameMessage}},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := hex.DecodeString(tc.hex)
			if err != nil {
				t.Fatal(err)
			}
			var got Frame
			if err = DecodeFrame(raw, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Fatalf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestDecodeFrame_Hostile(t *testing.T) {
	for name, raw := range map[string][]byte{
		"empty":                 {},
		"tag alone":             {0x12},
		"length beyond the end": {0x12, 0x7f, 1},
		"length of 2^63":        {0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"text not utf-8":        {0x0a, 0x03, 0x1a, 0x01, 0xff},
		"message not utf-8":     {0x22, 0x03, 0x0a, 0x01, 0xff},
		"json text":             []byte(`{"label":"rtvi-ai"}`),
		"unknown only":          {0x3a, 0x01, 0x7a},
		"impossible rate":       AppendAudio(nil, []byte{1, 2}, 1<<31, 1),
		"impossible channels":   AppendAudio(nil, []byte{1, 2}, 16000, 9999),
		"too large":             AppendAudio(nil, make([]byte, MaxMessage+1024), 16000, 1),
		"field number 0":        {0x12, 0x02, 0x00, 0x00},
	} {
		t.Run(name, func(t *testing.T) {
			var f Frame
			if err := DecodeFrame(raw, &f); !errors.Is(err, ErrFrame) {
				t.Fatalf("got %v, want ErrFrame", err)
			}
		})
	}
}

func TestFrame_AudioAllocatesNothing(t *testing.T) {
	pcm, out := make([]byte, 960), make([]byte, 0, 1100)
	var f Frame
	if n := testing.AllocsPerRun(200, func() {
		out = AppendAudio(out[:0], pcm, 24000, 1)
		if err := DecodeFrame(out, &f); err != nil || len(f.Audio) != len(pcm) {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("got %v allocations, want 0", n)
	}
}

// union builds frames.proto for the protobuf runtime, as an implementation that is not ours.
func union(tb testing.TB) protoreflect.MessageDescriptor {
	tb.Helper()
	field := func(name string, num int32, kind descriptorpb.FieldDescriptorProto_Type) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name: proto.String(name), Number: proto.Int32(num), Type: kind.Enum(),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
	}
	const (
		str = descriptorpb.FieldDescriptorProto_TYPE_STRING
		u64 = descriptorpb.FieldDescriptorProto_TYPE_UINT64
		u32 = descriptorpb.FieldDescriptorProto_TYPE_UINT32
		raw = descriptorpb.FieldDescriptorProto_TYPE_BYTES
	)
	id, name := field("id", 1, u64), field("name", 2, str)
	pts := field("pts", 6, u64)
	pts.Proto3Optional, pts.OneofIndex = proto.Bool(true), proto.Int32(0)
	message := func(n string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{Name: proto.String(n), Field: fields}
	}
	audio := message("AudioRawFrame", id, name, field("audio", 3, raw), field("sample_rate", 4, u32), field("num_channels", 5, u32), pts)
	audio.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("_pts")}}
	frame := message("Frame")
	frame.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("frame")}}
	for i, m := range []string{"TextFrame", "AudioRawFrame", "TranscriptionFrame", "MessageFrame", "InterruptionFrame"} {
		f := field([]string{"text", "audio", "transcription", "message", "interruption"}[i], int32(i+1), descriptorpb.FieldDescriptorProto_TYPE_MESSAGE)
		f.TypeName, f.OneofIndex = proto.String(".pipecat."+m), proto.Int32(0)
		frame.Field = append(frame.Field, f)
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("frames.proto"), Package: proto.String("pipecat"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			message("TextFrame", id, name, field("text", 3, str)), audio,
			message("TranscriptionFrame", id, name, field("text", 3, str), field("user_id", 4, str), field("timestamp", 5, str)),
			message("MessageFrame", field("data", 1, str)), message("InterruptionFrame", id, name), frame,
		},
	}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return file.Messages().ByName("Frame")
}

// FuzzDecodeFrame holds our reading against the protobuf runtime's.
func FuzzDecodeFrame(f *testing.F) {
	for _, g := range golden() {
		raw, err := hex.DecodeString(g.hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{0x12, 0x03, 0x20, 0x80, 0x7d, 0x12, 0x04, 0x1a, 0x02, 9, 9})
	f.Add([]byte{0x0a, 0x03, 0x1a, 0x01, 0xff})
	desc := union(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var got Frame
		err := DecodeFrame(raw, &got)
		ref := dynamicpb.NewMessage(desc)
		refErr := proto.Unmarshal(raw, ref)
		member := ref.WhichOneof(desc.Oneofs().ByName("frame"))
		if err != nil {
			if refErr == nil && member != nil && got.Rate <= maxRate && got.Channels <= maxChannels {
				t.Fatalf("refused what the runtime takes: %v", err)
			}
			return
		}
		if refErr != nil || member == nil {
			t.Fatalf("took what the runtime refuses: %v", refErr)
		}
		if member.Number() != protoreflect.FieldNumber(got.Kind) {
			t.Fatalf("kind %d, runtime %d", got.Kind, member.Number())
		}
		in := ref.Get(member).Message()
		get := func(name protoreflect.Name) protoreflect.Value { return in.Get(in.Descriptor().Fields().ByName(name)) }
		same := true
		switch got.Kind {
		case FrameText:
			same = get("text").String() == got.Text
		case FrameAudio:
			same = bytes.Equal(get("audio").Bytes(), got.Audio) && uint32(get("sample_rate").Uint()) == got.Rate &&
				uint32(get("num_channels").Uint()) == got.Channels && get("pts").Uint() == got.PTS
		case FrameTranscription:
			same = get("text").String() == got.Text && get("user_id").String() == got.UserID && get("timestamp").String() == got.Timestamp
		case FrameMessage:
			same = get("data").String() == string(got.Data)
		case FrameInterruption:
		}
		if got.Kind != FrameMessage {
			same = same && get("id").Uint() == got.ID && get("name").String() == got.Name
		}
		if !same {
			t.Fatalf("got %+v, runtime %v", got, ref)
		}
		var again Frame
		if err = DecodeFrame(AppendFrame(nil, got), &again); err != nil {
			t.Fatal(err)
		}
		if len(got.Audio) == 0 {
			got.Audio, again.Audio = nil, nil
		}
		if len(got.Data) == 0 {
			got.Data, again.Data = nil, nil
		}
		if !reflect.DeepEqual(got, again) {
			t.Fatalf("wrote %+v, read %+v", got, again)
		}
	})
}
