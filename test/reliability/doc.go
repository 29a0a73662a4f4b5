// Package reliability holds what must be true when things go wrong: processes that die, peers that vanish,
// clocks that jump, strangers that attack, and thousands of calls in a row. Its tests look at the whole server
// from outside, over real sockets, or at the built binary. Each names its tiers: ci is the short form, nightly
// (VOICECTL_NIGHTLY=1) the long one.
package reliability
