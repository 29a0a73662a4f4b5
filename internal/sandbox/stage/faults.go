package stage

import (
	"fmt"
	"slices"
	"strings"
)

// The modes a Fault can have. Those of the first group strike before the emulator sees the request; the others
// strike when it is about to answer, where After says so or else at the emulator's usual place.
const (
	ModeStatus    = "status"    // the vendor's own refusal with Status and Code
	ModeLatency   = "latency"   // MS later than it would have been
	ModeHang      = "hang"      // the request is taken and never answered (MS > 0: for so long)
	ModeDisguised = "disguised" // 200 with an error in the body, where something else was wanted

	ModeReset     = "reset"     // the connection is reset
	ModeStall     = "stall"     // the answer begins and does not go on (MS > 0: for so long)
	ModeMalformed = "malformed" // the answer cannot be parsed
	ModeDrip      = "drip"      // the answer comes in crumbs, MS apart
	ModeClose     = "close"     // the connection ends midway
	ModeLate      = "late"      // the first byte of the answer proper comes MS later
	ModeEmpty     = "empty"     // the answer is complete and holds nothing
	ModeHuge      = "huge"      // one event of 10 MB
	ModeEndless   = "endless"   // the answer never ends
	ModeOdd       = "odd"       // sound is cut in the middle of a sample
	ModeRate      = "rate"      // sound has twice the rate that was asked for
	ModeTwice     = "twice"     // the last message of the answer comes twice
	ModeIdle      = "idle"      // a socket is closed after MS without a message of the far end; speechmatics: after MS
)

// HugeBytes is the size of the event of ModeHuge.
const HugeBytes = 10 << 20

// Modes lists them in the order of the documentation.
func Modes() []string {
	return append([]string{ModeStatus, ModeLatency, ModeHang, ModeDisguised, ModeIdle}, midway()...)
}

// midway lists the modes that strike a running answer.
func midway() []string {
	return []string{
		ModeReset, ModeStall, ModeMalformed, ModeDrip, ModeClose,
		ModeLate, ModeEmpty, ModeHuge, ModeEndless, ModeOdd, ModeRate, ModeTwice,
	}
}

const (
	maxFaults  = 100
	maxFaultMS = 10 * 60_000
	maxCount   = 1_000_000
	maxCode    = 64
	maxAfter   = 10_000
)

// Validate says in words what is wrong with a fault that somebody typed.
func (f Fault) Validate() error {
	const op = "add fault"
	switch {
	case !Known(f.Vendor):
		return unknownVendor(op, f.Vendor)
	case !slices.Contains(Modes(), f.Mode):
		return fmt.Errorf("%s: unknown mode %.40q; it must be one of %s", op, f.Mode, strings.Join(Modes(), ", "))
	case f.Route != "" && (!strings.HasPrefix(f.Route, "/") || len(f.Route) > maxRoute):
		return fmt.Errorf("%s: route must begin with / and have at most %d bytes (got %.60q)", op, maxRoute, f.Route)
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("%s: probability must be 0 to 1, 0 meaning always (got %v)", op, f.Probability)
	case f.Count < 0 || f.Count > maxCount:
		return fmt.Errorf("%s: count must be 0 to %d, 0 meaning until cleared (got %d)", op, maxCount, f.Count)
	case f.MS < 0 || f.MS > maxFaultMS:
		return fmt.Errorf("%s: ms must be 0 to %d (got %d)", op, maxFaultMS, f.MS)
	case f.MS == 0 && (f.Mode == ModeLatency || f.Mode == ModeLate || f.Mode == ModeIdle):
		return fmt.Errorf("%s: mode %s needs ms", op, f.Mode)
	case f.After < -1 || f.After > maxAfter:
		return fmt.Errorf("%s: after must be -1 to %d, 0 meaning the usual place (got %d)", op, maxAfter, f.After)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("%s: status must be 400 to 599 (got %d)", op, f.Status)
	case len(f.Code) > maxCode:
		return fmt.Errorf("%s: code has %d bytes; at most %d are allowed", op, len(f.Code), maxCode)
	}
	return nil
}

// AddFault puts a fault behind those that are there; the first that matches strikes. A fault of mode status
// without a status is a 500. It returns the fault as it stands.
func (s *Stage) AddFault(f Fault) (Fault, error) {
	if err := f.Validate(); err != nil {
		return Fault{}, err
	}
	if f.Mode == ModeStatus && f.Status == 0 {
		f.Status = 500
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) >= maxFaults {
		return Fault{}, fmt.Errorf("add fault: there are %d faults already; clear some first", maxFaults)
	}
	s.faults = append(s.faults, &f)
	return f, nil
}

// Faults lists what is still armed, with what is left of each count.
func (s *Stage) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		out[i] = *f
	}
	return out
}

// ClearFaults disarms the faults of a vendor ("" = all) and returns how many there were.
func (s *Stage) ClearFaults(vendor string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.faults)
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return vendor == "" || f.Vendor == vendor })
	return before - len(s.faults)
}

func unknownVendor(op, vendor string) error {
	return fmt.Errorf("%s: unknown vendor %.40q; it must be one of %s", op, vendor, strings.Join(Vendors(), ", "))
}
