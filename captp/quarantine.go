//go:build !race

package captp

const quarantine = false
