//go:build race

package hostile

import "time"

// Everything is slow; that outcomes come within a second, the tests without the detector say.
const (
	patience = 6 * time.Second
	raced    = true
)
