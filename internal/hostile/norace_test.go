//go:build !race

package hostile

import "time"

// How long an outcome may take once it is due.
const (
	patience = time.Second
	raced    = false
)
