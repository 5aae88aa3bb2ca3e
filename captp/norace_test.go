//go:build !race

package captp

const raceDetector = false
