package stream

import (
	"container/list"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/vatnet/vatnet/vat"
)

// Puts and takes are calls, and those that are not answered count against what a session may
// have open: 4096 calls, 16 MiB. So that streams leave some of that to others, and to each other,
// a Sender always has its first put, and more only below maxPuts and maxBytes; a Receiver
// likewise its first take, and more only below maxAsked.
const (
	maxPuts  = 1024
	maxBytes = 4 << 20
	maxAsked = 1024
)

// budget is what the Senders and Receivers of a vat share.
type budget struct {
	asked atomic.Int64 // takes that were not answered

	mu      sync.Mutex // guards all Senders of the vat
	puts    int        // that were not answered
	bytes   int        // in these
	waiting list.List  // of func(), which put what waits for room
}

// budgets has them while Senders and Receivers do. It keeps no vat.
var budgets = struct {
	sync.Mutex
	of map[weak.Pointer[vat.Vat]]weak.Pointer[budget]
}{of: map[weak.Pointer[vat.Vat]]weak.Pointer[budget]{}}

// budgetOf returns the budget of v.
func budgetOf(v *vat.Vat) *budget {
	budgets.Lock()
	defer budgets.Unlock()
	key := weak.Make(v)
	if b := budgets.of[key].Value(); b != nil {
		return b
	}
	b := new(budget)
	budgets.of[key] = weak.Make(b)
	runtime.AddCleanup(b, forget, key)
	return b
}

// forget drops a budget that is gone, unless there is a new one.
func forget(key weak.Pointer[vat.Vat]) {
	budgets.Lock()
	defer budgets.Unlock()
	if budgets.of[key].Value() == nil {
		delete(budgets.of, key)
	}
}

// room tells whether more puts than first ones may be made. With mu.
func (b *budget) room() bool { return b.puts < maxPuts && b.bytes < maxBytes }

// free is room for which nobody waits. With mu.
func (b *budget) free() bool { return b.room() && b.waiting.Len() == 0 }

// spend counts a put. With mu.
func (b *budget) spend(bytes int) {
	b.puts++
	b.bytes += bytes
}

// giveBack says that a put was answered. With mu.
func (b *budget) giveBack(bytes int) {
	b.puts--
	b.bytes -= bytes
}

// share has those who wait put, in the order in which they came, while there is room. With mu.
func (b *budget) share() {
	for b.waiting.Len() > 0 && b.room() {
		b.waiting.Front().Value.(func())() // which leaves
	}
}
