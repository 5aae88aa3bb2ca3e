//go:build race

package captp

// quarantine has entries that were given back never used again, so that who uses
// one all the same is found: see Call.inUse.
const quarantine = true
