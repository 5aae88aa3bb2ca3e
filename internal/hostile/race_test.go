//go:build race

package hostile

import "time"

const patience = 15 * time.Second // everything is slow
