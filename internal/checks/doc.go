// Package checks judges: checklists as data go in, a report with a verdict comes out.
//
//	Load (strict YAML) → Compile (every kind and parameter resolved before anything runs) → Run → []Finding → Verdict
//
// A Kind is one way of looking. It returns an Observation or an error, and an error means "could not look",
// never "is not so". What was not executed is never a pass, and neither is an empty run.
//
// Run owns one goroutine a worker and waits for all of them. This package is the leaf of its wing: kinds,
// encoders and evidence import it and it imports none of them.
package checks
