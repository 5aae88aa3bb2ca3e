// Package stream is typed channels between vats: a send end and a receive end,
// each a capability of its own, with flow control by credit. Bytes flow through
// them as an io.Writer and an io.Reader.
//
// # A channel
//
// A [Channel] lives in one vat and has two ends. An end is an object as any other:
// it can be an argument or a result, stand in a struct, be exported as a sturdyref.
// Who was given one end does not have the other.
//
//	c, err := stream.New[int](v, nil)
//	sr, err := v.Export(c.SendEnd(), nil)       // for those who may send
//	…
//	return Ends{In: c.SendEnd(), Out: d.RecvEnd()} // in a method's result
//
// # Using an end
//
// Whoever holds a reference to an end, in whatever vat, makes a [Sender] or a
// [Receiver] of it:
//
//	out := stream.SenderTo[int](v.Enliven(sr))
//	for n := range 1000 {
//		if err := out.Send(ctx, n); err != nil { // waits only while there is no credit
//			return err
//		}
//	}
//	out.Close()
//
//	in := stream.ReceiverFrom[int](ref, 0)
//	for n, err := range in.All(ctx) {
//		…
//	}
//
// In the channel's own vat [Channel.Sender] and [Channel.Receiver] do the same.
//
// Nothing takes a round trip per item. A sender has credit for so many items that
// were not received yet, and gets it back in batches; items that are sent in a row
// leave together. A receiver asks for items ahead, never for more than it has room for.
//
// An object, whose turns must not wait, uses [Sender.TrySend], [Receiver.TryRecv] and the
// WhenReady of both, or [Receiver.Each].
//
// # Several senders, several receivers
//
// Each Sender has a credit of its own, and its items keep their order; how those of
// several senders mix is not said. An item goes to one of several receivers. What a
// receiver has asked for ahead and does not read before it closes, or before its session
// ends, is lost with it, as an item that was received from a Go channel would be.
//
// # The end
//
// [Sender.Close] ends one sender, and when the last one has ended so does the channel:
// receivers get what is still in it, and then io.EOF, or the first error that one of
// the senders ended with. A sender that vanishes, because its session broke or because its
// vat let go of it, ends with [ErrSenderLost]. Likewise, when the last receiver has ended,
// senders get [ErrNoReceiver]. An end to which no reference is left, and that nobody has
// open, counts as ended, too: who means to give it out again later holds a vat.Ref to it.
// With [Config].Stay a channel outlives its users, and ends by [Channel.Close].
//
// When the session to the channel's vat breaks, Send and Recv return vat.ErrDisconnected.
// Nobody is left waiting.
//
// An end can be revoked as any grant can, so that nobody opens it any more. Those who have
// opened it before go on until the channel is closed; a membrane of vat/pattern severs
// these, too.
//
// # Memory
//
// Items wait in the vat of the channel. What others can make it hold there is
// Config.Window items, of Config.MaxItem bytes, for each of Config.MaxSenders; a sender
// that overruns its credit is refused and ended. What a Receiver holds is as many
// items as it was made for.
//
// Items that were sent and not received, and those that were asked for and have not come, are
// calls that were not answered. All that one vat has open at another counts against one credit,
// by default 4096 calls and 16 MiB, and when it is used up every call there waits. So the
// Senders of one vat, wherever they send, share a budget: a Sender may always have one put
// unanswered, of up to 64 KiB or one item, and more only while those of all of them have less
// than 4 MiB of items, as MaxItem counts, and are fewer than 1024. Who waits for that goes on in
// the order in which they came. Receivers likewise have one take unanswered, and up to four if
// items come faster, while those of the vat are fewer than 1024.
//
// That is no reservation, and it ends: about 190 Senders of one vat whose items nobody receives,
// each with a put of 64 KiB at the same other vat, or fewer if items are larger, use up the
// bytes; about 2000 Senders and Receivers there use up the calls, idle Receivers included.
// Beyond that everything between the two waits, and nothing tells. Who needs more streams than
// that closes those that stand still, or has the vat of the channel grant more OpenCalls and OpenBytes
// (vat.ProtocolLimits).
//
// The verbs of the ends are a protocol, which spec/streams.md defines.
package stream
