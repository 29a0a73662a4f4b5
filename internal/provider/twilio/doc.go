// Package twilio speaks to the phone network: the messages of a media stream (both directions), TwiML
// (build, parse, judge), request signatures (strict), and the few REST calls that are needed.
//
// The server's side and the caller's side use the same types, so that an emulated network and a real
// one cannot drift apart. It is the one home of twilio-go.
//
// Wire facts: twilio.com/docs/voice/media-streams/websocket-messages, /docs/voice/twiml/stream,
// /docs/usage/security.
package twilio
