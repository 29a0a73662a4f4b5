// Package rtvi holds the messages of RTVI 2.1, the protocol between a voice agent and its page, and the
// frames (Pipecat's protobuf) that carry them and the sound over a WebSocket.
//
// Facts: pipecat src/pipecat/processors/frameworks/rtvi, frames/frames.proto, client-js rtvi/messages.ts.
package rtvi
