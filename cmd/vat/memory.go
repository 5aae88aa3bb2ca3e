package main

import (
	"os"
	"runtime/debug"
)

// memoryLimit is what the Go collector keeps a server's memory under. A vat bounds what its peers make it hold, at about a
// third of this (vat.SessionLimits), but the collector lets garbage lie until it is as much again, and more.
const memoryLimit = 448 << 20

// limitMemory sets memoryLimit for this process, unless who started it has set one. It is for servers, which take strangers.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
