//go:build race

package crypto

// raceEnabled: tests that try everything try one bit of each byte.
const raceEnabled = true
