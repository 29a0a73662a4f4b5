// Package probe is how kinds speak HTTP to the world: bounded in time and size, without following
// redirects unless asked, every failure told apart (DNS, refused, TLS, time, protocol), and with a dialer
// for addresses that come from elsewhere, which never reaches private ones.
package probe
