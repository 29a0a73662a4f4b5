// Package server is the agent's front door: routes, who may come in, how many, health, drain, metrics.
//
// Life of a connection: routes.go decides where it goes, auth.go whether it may, voice.go or sockets.go
// make a line of it, sessions.go runs a session on the line and keeps the books. http.Server does not
// wait for hijacked sockets, so drain.go does.
package server
