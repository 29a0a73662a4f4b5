package rtvi

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is what we speak.
const Version = "2.1.0"

// Compatibility is what a client's version means for us.
type Compatibility int

// The answers. A client of any version is served: refusing would leave its page hanging.
const (
	Current  Compatibility = iota // same major version
	Legacy                        // major 1: echo its version, write the old bot-output
	Mismatch                      // anything else: say so, then go on
)

// Check judges the version a client names. The text is empty unless it is a mismatch; it is meant for
// the error-response.
func Check(version string) (Compatibility, string) {
	major, ok := parseVersion(version)
	switch {
	case ok && major == 2:
		return Current, ""
	case ok && major == 1:
		return Legacy, ""
	case version == "":
		return Mismatch, "client-ready names no RTVI version; this server speaks " + Version + ". Compatibility issues may occur."
	case !ok:
		return Mismatch, fmt.Sprintf("RTVI version %.40q is not x.y.z; this server speaks %s. Compatibility issues may occur.", version, Version)
	}
	return Mismatch, fmt.Sprintf("RTVI version %.40s is not supported; this server speaks %s. Compatibility issues may occur.", version, Version)
}

// parseVersion reads x.y.z, all whole numbers without a sign.
func parseVersion(s string) (major int, ok bool) {
	if len(s) > 40 {
		return 0, false
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return 0, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return 0, false
		}
		if i == 0 {
			major = int(n)
		}
	}
	return major, true
}
