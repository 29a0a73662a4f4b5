package media

import "encoding/binary"

// AppendPCM16 appends src to dst as signed 16 bit little endian.
func AppendPCM16(dst []byte, src []int16) []byte {
	n := len(dst)
	dst = grow(dst, 2*len(src))
	out := dst[n:]
	for i, sample := range src {
		binary.LittleEndian.PutUint16(out[2*i:], uint16(sample))
	}
	return dst
}

// DecodePCM16 appends the samples of src to dst. A trailing half sample is dropped.
func DecodePCM16(dst []int16, src []byte) []int16 {
	n := len(dst)
	dst = grow(dst, len(src)/2)
	out := dst[n:]
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(src[2*i:]))
	}
	return dst
}

// Samples appends the frame's sound to dst, whatever its encoding.
func (f *Frame) Samples(dst []int16) []int16 {
	if f.Format.Encoding == PCM16 {
		return DecodePCM16(dst, f.Data)
	}
	return DecodeMuLaw(dst, f.Data)
}
