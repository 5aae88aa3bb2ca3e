//go:build !race

package kill9

const raced = false
