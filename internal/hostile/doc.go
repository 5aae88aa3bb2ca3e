// Package hostile attacks vats. It holds a raw client that speaks the handshake, the records and the messages of the
// protocol byte by byte and breaks any rule on demand, a vat to be attacked, and a runner that judges what the attack
// came to.
//
// # Cases
//
// The corpus is spec/hostile: files of cases, one fault each. A case says which kind of message it abuses, in which
// field and in which state; the outcome that it must have; and the steps of the attacker:
//
//	@ call | target.importedCap | never exported -> proto.id
//	hold
//	call q=5 cap=999 send="join"
//
// [Parse] reads them, script.go runs their steps, notation.go turns messages into frames by the schemas that the
// generated code of rpc.capnp and object.capnp carries.
//
// # Judgement
//
// [Runner.Run] runs cases side by side against one vat. It is content if each has the outcome that it names; if
// nothing panicked; if, with the attackers still connected, the process needs no CPU and holds no more memory than it
// may, in the heap and resident; if honest sessions work before and after; and if no goroutine is left when the attackers have gone.
//
// # Floods
//
// [Floods] are attacks by quantity. What counts there is the heap that is left after a collection, and that honest
// sessions go on. Those that are messages which any implementation could be sent are poured at others, too: see [Stock].
package hostile
