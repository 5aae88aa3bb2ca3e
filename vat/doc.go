// Package vat is distributed programming with objects and promises, in the
// tradition of E: objects live in vats, send each other messages without waiting,
// and can be reached by those, and only those, who were given a reference.
//
// # The log service
//
// A server's objects are Go values whose types embed [Object]; their exported
// methods are their verbs:
//
//	type Log struct {
//		vat.Object
//		lines []Entry
//	}
//	type Entry struct {
//		At   time.Time
//		Line string
//	}
//
//	func (l *Log) Log(line string)           { l.lines = append(l.lines, Entry{time.Now(), line}) }
//	func (l *Log) Search(sub string) []Entry { … }
//
//	v, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}})
//	sr, err := v.Export(&Log{}, nil)
//	fmt.Println(sr.URI())
//
// The URI is a sturdyref: an unguessable name. A client that was given it has all
// it needs, and one that was not has nothing:
//
//	v, err := vat.New(nil)
//	log := v.Enliven(sr)                        // a promise, nothing waited for
//	log.SendOnly("log", "foot")
//	log.SendOnly("log", "shoe")
//	found, err := vat.Call[[]Entry](ctx, log, "search", "foo")
//
// # Turns
//
// A vat runs one turn at a time: the delivery of a message to an object, or the
// callback of a [When]. An object is only touched by turns of its vat, so it needs
// no mutex, and nothing changes under a method's feet while it runs. In return a
// turn must not wait: Await and [Call] refuse to, with [ErrInTurn]. Use [When] for
// what is to happen later, and [Go] for work that blocks.
//
// # Sends
//
// A send never waits, and takes effect in a later turn, also if the object lives in
// the same vat. It copies its arguments, keeps its order (two sends on one reference
// arrive in the order in which they were made, whatever becomes of the
// reference meanwhile), and gives a promise at once:
//
//	p := vat.Send[string](ref, "name")          // a *Promise[string]
//	s, err := p.Await(ctx)                      // outside of turns
//	q := vat.When(p, func(s string) (int, error) { return len(s), nil })
//
// [When] is for the value, [Catch] for the error, [WhenSettled] for either; [Ref.WhenBroken] watches
// a reference, and [Ref.Promise] makes a promise of one.
//
// Sends to a promise travel without waiting for it. Two calls, one round trip:
//
//	name := vat.Send[string](dir.Send("lookup", "printer"), "name")
//
// A promise may be an argument as well. Where the method takes a *[Promise], *[Ref]
// or any it arrives at once; where it takes plain data, the call waits for it at
// its destination, and later calls on the same path wait behind it.
//
// # Vats that last
//
// [New] makes a vat that ends with its process, and its sturdyrefs with it. [Open] makes one that is the
// same each time, from a directory. What it gives out by [Vat.Mint] is good until it expires or is
// revoked, whatever happens to the process; it leads to what the program publishes under a name:
//
//	v, err := vat.Open("/var/lib/log", &vat.Config{Listen: []string{":7000"}})
//	err = v.Publish("log", log)                // at each start
//	g, err := v.Mint("log", &vat.ExportConfig{Label: "alice"})
//	err = sturdyref.WriteFile("alice.cap", g.Sturdyref())
//	err = g.Revoke()                           // for good, when it returns nil
//
// See [Durable] for objects whose state lasts as well.
//
// # Third vats
//
// A reference to an object of another vat may be passed on to a third one. It leads
// there through the vat that passed it at first, and directly as soon as the two have
// found each other; its order is kept, and the vat that passed it may go. [Ref.Via]
// tells which way it goes. Whether two references designate the same object, whichever way
// they came, is asked with [Same]; [Identify] gives a key for maps.
//
// # What happened to a send
//
// A send is delivered once or not at all. When the session that it depended on
// ends, its promise breaks with [ErrDisconnected], and either [ErrNotDelivered]
// (it is certain that it was not; send it again) or [ErrOutcomeUnknown]. References
// into the lost session are broken for good; enliven the sturdyref again, or have
// [Vat.Heal] do so, which tells of each loss and never sends anything twice.
//
// A method's error arrives as an [*Error]: as text, and with the code of
// [RegisterError], so that errors.Is works on the other side. What a panic says
// stays in the log of the vat where it happened; the caller sees [ErrInternal].
//
// # Verbs
//
// A verb is an exported method's name with its first rune in lower case. It may
// take a context.Context first, which ends when the caller cancels or is gone; it
// returns nothing, T, error, (T, error), or *Promise[T], whose outcome becomes the
// call's. Every object also answers __describe; see [Describe], [Bind] and [Check]; and
// __identify, see [Same].
// One that stands for others has no methods for their verbs, and passes messages on as
// they are: see [Object] and [Message]; vat/pattern has the usual ones ready-made.
//
// # Durable objects
//
// A vat that was opened from a directory ([Open]) is the same vat each time, and keeps
// objects whose types embed [Durable]: their exported fields, and entry by entry what is in a
// [List] or [Map]. In such a vat a turn is a transaction. What it changed is on the disk before
// anybody can see what it sent, answered or resolved; many turns share one trip to the disk. A turn that
// panics, or cannot be stored, has never been.
//
//	type Log struct {
//		vat.Durable
//		Lines vat.List[Entry]
//	}
//
//	func init() { vat.Register[Log]("log") }
//
//	v, err := vat.Open("log.vat", &vat.Config{Listen: []string{":7000"}})
//	log, err := vat.Root(v, "log", func() *Log { return &Log{} })
//
// # Values
//
// Everything but references is copied: booleans, numbers (which convert only if
// nothing is lost), strings, bytes, time.Time, time.Duration, *big.Int, slices,
// arrays, maps, structs, errors, sturdyrefs. Fields of structs travel by name, first
// rune in lower case, or by a tag `vat:"name,omitempty"`; unknown ones are ignored
// and missing ones are zero. An any receives bool, int64, uint64, *big.Int,
// float64, string, []byte, time.Time, time.Duration, []any, map[string]any,
// [Record], error, sturdyref.Ref, *Ref or *Promise[any]. What cannot be carried breaks
// the send's promise at once, and says which part it was.
//
// A nil slice or map arrives as an empty one, as most code means it; what may be there or not
// is a pointer. A map whose keys are no strings needs a parameter that says so: no any
// receives it. A sturdyref is a value of its own kind, which no string receives by
// mistake, and prints redacted.
package vat
