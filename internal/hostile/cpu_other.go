//go:build !unix

package hostile

import "time"

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }
