package rtvi

import "google.golang.org/protobuf/encoding/protowire"

// AppendAudio appends a frame of sound: PCM16 little endian. It allocates nothing when dst has room.
func AppendAudio(dst, audio []byte, rate, channels uint32) []byte {
	size := sizeBytes(fieldBody, len(audio)) + sizeNumber(fieldFour, uint64(rate)) + sizeNumber(fieldFive, uint64(channels))
	dst = appendHead(dst, FrameAudio, size)
	dst = appendBytes(dst, fieldBody, audio)
	dst = appendNumber(dst, fieldFour, uint64(rate))
	return appendNumber(dst, fieldFive, uint64(channels))
}

// AppendMessage appends a frame with an RTVI message, as made by Encode.
func AppendMessage(dst, message []byte) []byte {
	dst = appendHead(dst, FrameMessage, sizeBytes(fieldID, len(message)))
	return appendBytes(dst, fieldID, message)
}

// AppendFrame appends any frame. The zero values of proto3 are left out.
func AppendFrame(dst []byte, f Frame) []byte {
	var b []byte
	if f.Kind == FrameMessage {
		return AppendMessage(dst, f.Data)
	}
	b = appendNumber(b, fieldID, f.ID)
	b = appendBytes(b, fieldName, []byte(f.Name))
	switch f.Kind {
	case FrameText:
		b = appendBytes(b, fieldBody, []byte(f.Text))
	case FrameTranscription:
		b = appendBytes(b, fieldBody, []byte(f.Text))
		b = appendBytes(b, fieldFour, []byte(f.UserID))
		b = appendBytes(b, fieldFive, []byte(f.Timestamp))
	case FrameAudio:
		b = appendBytes(b, fieldBody, f.Audio)
		b = appendNumber(b, fieldFour, uint64(f.Rate))
		b = appendNumber(b, fieldFive, uint64(f.Channels))
		if f.HasPTS { // optional: written even when 0
			b = protowire.AppendTag(b, fieldPTS, protowire.VarintType)
			b = protowire.AppendVarint(b, f.PTS)
		}
	case FrameInterruption, FrameMessage:
	}
	dst = appendHead(dst, f.Kind, len(b))
	return append(dst, b...)
}

func appendHead(dst []byte, kind FrameKind, size int) []byte {
	dst = protowire.AppendTag(dst, protowire.Number(kind), protowire.BytesType)
	return protowire.AppendVarint(dst, uint64(size))
}

func appendBytes(dst []byte, num protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	return protowire.AppendBytes(dst, v)
}

func appendNumber(dst []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, num, protowire.VarintType)
	return protowire.AppendVarint(dst, v)
}

func sizeBytes(num protowire.Number, n int) int {
	if n == 0 {
		return 0
	}
	return protowire.SizeTag(num) + protowire.SizeBytes(n)
}

func sizeNumber(num protowire.Number, v uint64) int {
	if v == 0 {
		return 0
	}
	return protowire.SizeTag(num) + protowire.SizeVarint(v)
}
