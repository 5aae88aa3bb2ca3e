//go:build race

package hostile

import "time"

const patience = 6 * time.Second // everything is slow
