// Package interop has the vendors' own client libraries, unmodified, judge the sandbox and the server: what
// they take without a complaint, an agent may take too. The tests carry the build tag interop and need
// node and npm: `make interop`. The libraries are pinned in package-lock.json.
package interop
