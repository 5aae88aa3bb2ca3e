// Package sim runs several whole vats, protocol machine and objects, on one schedule that is drawn from a seed, breaks
// what carries their messages, and checks each delivery and each outcome against a shadow of what the references mean.
// The same seed gives the same world, to the byte.
//
//	go test ./internal/sim                              10,000 worlds
//	go test ./internal/sim -run TestWorlds -from 5000 -seeds 100000
//	go test ./internal/sim -run TestWorlds -seed 41 -v  one world, with its trace and every message
//	go test ./internal/sim -run LinkWorlds -linkworlds 3000
//
// A world is two to four vats, all connected. Each step of the schedule has some vat send, or bytes move, or a turn run,
// or a promise be resolved or broken, a reference released, a call canceled, or a fault happen. At the end everything is
// settled and let go of. The rules:
//
//   - a call is delivered at most once, to the object that the reference means, in the order of that reference;
//   - a call settles once (unless its vat crashed), with the value that belongs to it; it fails only for something that
//     has happened on its way, and its error says what: a session over which it went, or would have gone, was lost, or it,
//     or something that it depends on, was canceled or broken (judge.go says what is on the way);
//   - what waited, and was dropped as not delivered, waited for a reference that is broken;
//   - a call of which its sender was told that it is certainly not delivered is not, nor later;
//   - what was canceled before its turn, in its own vat, is not delivered;
//   - at rest every reference is near, far, or, if something has happened on its way, broken, and each side of a
//     session counts every reference as often as the other;
//   - at rest references say that they lead to the same object if and only if they mean the same thing;
//   - nothing panics, and no vat logs an error;
//   - when all is let go of, the tables are empty, nothing is charged, pending, under way or queued.
//
// Some worlds have features, drawn apart from the schedule (flag -features):
//
//   - hostile: one vat is an attacker's. It is a whole vat, so that it comes to deep states, but its messages are
//     dropped, repeated, swapped, kept for later and altered, and others are made up: with ids that are right, used up or
//     wrong, resolutions to themselves, Disembargoes that nobody asked for, floods, garbage. All rules hold for what the
//     honest vats do with each other; for what came by way of the attacker only that calls settle and nothing is left.
//     A session with it may end, with a named outcome, and never holds more than its limits.
//   - cycles: promises are resolved to what waits for them. Through one vat or two that breaks; else calls on it rest
//     when they have used up the credit, and are canceled in the end. A circle holds itself: only when the sessions have
//     ended must nothing be left.
//   - gates: promises for data are results, are resolved some time, and are passed on; calls get them where their methods
//     want plain data, and must see the value that belongs to it; now and then a reference stands there, or data is called,
//     which must be refused. What waits for data that can only come behind it is the program's own fault, and is not made.
//   - grants: things are reachable by further secrets, for a time or for good; references keep their grant wherever they go.
//     What has not reached the vat when a grant is revoked, or expires, is not delivered, and what is near breaks. The
//     clocks of the vats leap, also backward, and timers fire late.
//   - driven: cores are driven as the goroutines of a vat drive them: what arrives is fed in quanta and put aside, turns run
//     where it is read, and others read, and the steward looks, while a turn lasts; replies are large, which an honest vat
//     must not notice.
//   - tight: credit for one to eight calls and a few thousand bytes.
//   - handoffs: references to things of third vats are handed over; a vat finds the ones of which it was told when the
//     schedule says so, and time passes in which gifts expire, and those who ask for them give up. Sessions end while a vat
//     asks a host. Who has come to the host directly must not notice that the donor goes.
//
// Faults: delay, one-way stall, partition until it heals, slow reader, reset after any byte of what is under way (which
// truncates a write), half-close, and crash with a restart. In a world with little credit two vats can wait for each
// other; what waits then is canceled at the end, and counted as "give up".
//
// Sessions are simply there in these worlds. How they come to be is for link worlds (TestLinkWorlds): real handshakes and
// sealed records over a network in memory, in a bubble of time, with dials that cross, connections that break at any byte,
// restarts, and earlier incarnations that live on elsewhere. Goroutines run there, so the same seed gives the same
// schedule but not the same trace.
//
// What it does not cover: goroutines (there are none), and the collector: what it would release is released by the
// schedule, through internal/bare. Late replies that are large are not made. It does not see that what a Finish releases
// stays exported.
package sim
