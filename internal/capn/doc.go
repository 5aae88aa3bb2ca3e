// Package capn reads and writes Cap'n Proto messages word by word, without
// allocating and without generated code.
//
// Every call of an eventual send is one small message. Through a general
// library such a message costs about a microsecond each way; read and written
// in place it costs tens of nanoseconds, so the engine that carries the load
// uses this package and keeps the general library for schemas, generated types
// and tests, where it is the oracle.
//
// # Reading
//
// A [Message] is a parsed frame: its segments, and a budget. [Message.Parse]
// takes a frame with its segment table, [Message.ParseFlat] one bare segment.
// [Message.Root] gives the first [Ptr]; a Ptr is a small value that designates a
// struct, a list, a capability or nothing, and is read by offset, as the
// encoding defines it:
//
//	call, err := root.Field(0)       // the struct behind the first pointer
//	id := call.U32(0)                // bytes 0–3 of its data section
//	name, err := method.Text()       // aliases the message
//
// Reading outside of a struct gives zero, which is how messages of an older
// schema are read. Everything else that does not add up is an error, one of the
// fixed sentinels below; no input makes this package panic.
//
// A message comes from a stranger. Three limits hold, see [Limits]: the number
// of segments; the words that may be visited, counting each visit, so that many
// pointers at one object cannot make a small message do a large amount of work
// (an element without size counts as one word); and the depth of pointers.
//
// # Writing
//
// A [Builder] appends one segment to a buffer of the caller: root pointer
// first, everything behind it in the order in which it was made. Handles
// ([StructB], [ListB], [Slot]) hold offsets, so they survive growth of the
// buffer. Frames may be put one after another into one buffer:
//
//	b.InitFramed(out)
//	call := b.Root(1, 1)
//	call.SetU32(0, id)
//	b.Text(call.Slot(0), "hello")
//	out = b.Frame()
//
// Because only relative pointers are used, a finished segment can be put
// inside another one by copying its bytes: [Builder.Embed]. [Builder.Copy] and
// [Flatten] copy what a Ptr designates, from any message, checking all of it.
//
// Nothing here is safe for concurrent use: reading spends a budget too.
package capn
