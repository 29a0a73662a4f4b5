// Package line holds the two ends of audio that the agent serves: a phone call's media stream (Twilio)
// and a browser's socket (RTVI). Each satisfies session.Line and speaks its protocol to the letter;
// nothing above knows which one it has.
package line
