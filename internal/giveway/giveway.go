// Package giveway lets a goroutine that has much to do step aside for those that the network has something for.
//
// Go's scheduler asks the network who is ready when a processor runs out of goroutines, or after 10 ms. While as many
// goroutines are busy as there are processors, somebody whose only message has just arrived waits that long for nothing;
// runtime.Gosched does not help, for the network is not asked by it. Yield does: the goroutine itself waits for the
// network, for a byte that it sends to itself, and so comes after all that arrived before.
package giveway

import "runtime"

// Yield returns when the goroutines whose connections were ready have run. Those that yield at the same time do it one
// after the other, so that between any two of them the others have had their turn. It takes a microsecond or two if nobody
// is waiting. Where there is nothing to wait with, it is runtime.Gosched.
func Yield() {
	if w := line(); w == nil || !w.yield() {
		runtime.Gosched()
	}
}
