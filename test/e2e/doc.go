// Package e2e drives the browser console and the stock Pipecat client in a real Chromium. The tests carry
// the build tag e2e: `make e2e`. Screenshots go to $E2E_SHOTS (default test/e2e/out).
package e2e
