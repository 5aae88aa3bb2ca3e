//go:build race

package captp

const raceDetector = true
