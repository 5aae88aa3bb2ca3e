package vat

import (
	"crypto/cipher"
	"encoding/binary"
	"sync/atomic"
	"time"
	"weak"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/heap"
	"github.com/vatnet/vatnet/vat/store"
)

// durable is what a vat with a store has in addition.
type durable struct {
	core  *core
	store store.Store
	heap  *heap.Heap
	key   [32]byte
	aead  cipher.AEAD // of key

	identity *crypto.Identity // the vat's

	// Of the holder of the turn right.
	objects  objects
	recorder *recorder
	loads    []*resident          // found by what is being loaded
	touched  []*resident          // that the turn may have changed
	hidden   bool                 // … and others, by pointers that nobody sees
	found    []objecter           // to which pointers lead, and which are still to be followed
	passed   map[*Object]struct{} // those that are not kept, and were found
	reach    *reach               // the same, for callbacks that the turn asks for; nil: it asks for none
	turn     uint64               // number of the turn
	epoch    uint64               // how often something was undone: what lists know of their length is of one
	saves    []save               // of the turn

	collecting *collector    // nil: nothing is collected
	again      []*collectJob // collections that are to follow
	made       int           // objects, since the last one
	live       int           // objects that it has found

	runner  atomic.Uint64 // goroutine that has the turn right, or had it last
	running atomic.Bool   // it runs a turn

	// Guarded by the machine right.
	effects []effect // of the turn that runs
	group   *group   // grows
	flying  *group   // is being committed; nil: none is
	want    int      // turns that the group is likely to have soon
	full    bool     // no turn begins before that is committed
	look    *timer   // for alarms
	broken  bool     // the store has refused something: what is in memory has to be mended

	until time.Time // a group does not wait for more turns after this; the committer's

	wake chan struct{} // wakes the committer
	stop chan struct{} // ends it
	done chan struct{} // closed when it has
}

// The buckets of the store that are the objects'.
const (
	bucketObjects = "objects" // id → record
	bucketRoots   = "roots"   // name → id
	bucketAlarms  = "alarms"  // time, number → send
	bucketCalls   = "calls"   // the same → send to another vat that is under way, or is to be repeated
	bucketEntries = "entries" // id of the object, name of the field, key → entry of a list or map
)

// newDurable makes what a vat has in addition that has a store.
func newDurable(c *core, id *crypto.Identity, s store.Store) *durable {
	d := &durable{
		core: c, store: s, heap: heap.New(s), key: id.StoreKey(), group: new(group),
		objects: objects{byID: map[uint64]weak.Pointer[resident]{}}, passed: map[*Object]struct{}{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	d.recorder = newRecorder(d)
	d.aead = storeAEAD(d.key)
	return d
}

// close ends the committer, when no turn runs any more, and closes the store.
func (d *durable) close() error {
	close(d.stop)
	<-d.done
	return d.store.Close()
}

// idKey is the key of an object in the store.
func idKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// idOf is the id that a key begins with.
func idOf(key []byte) uint64 {
	if len(key) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(key)
}
