//go:build !race

package hostile

import "time"

const patience = 5 * time.Second // a second, and more for a busy machine
