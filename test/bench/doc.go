// Package bench measures what docs/benchmarks.md claims, on the built binary, over loopback. Run it with
// `make bench`. It asserts nothing: a figure that depends on the machine is printed, never a test.
package bench
