//go:build !unix

package giveway

// waiter does not exist here.
type waiter struct{}

func (*waiter) yield() bool { return false }

// line gives none.
func line() *waiter { return nil }
