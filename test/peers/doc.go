// Package peers has a voice agent that was made by others run on the sandbox and answer our calls: a Pipecat
// bot (folder pipecat) with Pipecat's own services. The same calls go to `voicectl serve`, and both are
// measured side by side. The test carries the build tag peers and needs Python: `make peers`; the last
// output is kept in docs/peers.md.
package peers
