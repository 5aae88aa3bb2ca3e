//go:build !race

package hostile

import "time"

const patience = 2 * time.Second // a second, and one for a busy machine
