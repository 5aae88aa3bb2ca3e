package captp

// Limits bound what one peer, and all peers together, can make a machine hold
// or do. A zero field means its default. None of them is met by an honest peer
// of this protocol: it learns its credit in the handshake and queues on its own
// side.
type Limits struct {
	MaxMessage  int   // bytes of one message, segment table included; 8 MiB
	MaxSegments int   // segments of one message; 64
	Depth       int   // nesting of pointers in one message; 64
	OpenCalls   int   // calls of a peer that were not returned yet: the credit granted in the handshake; 4096
	OpenBytes   int64 // bytes of the messages of those calls, likewise granted; 16 MiB
	SoftBytes   int64 // bytes held for a session, open calls not counted, from which on its new calls are refused as overloaded; 16 MiB
	HardBytes   int64 // bytes held for a session, all counted, at which it is aborted; 32 MiB. Answers for which there is no room long before that are lost
	TotalBytes  int64 // bytes held for all sessions at which the largest are aborted, down to those that hold 64 KiB; 192 MiB
	Exports     int   // references that one peer may hold; 65536
	Imports     int   // references of one peer that we hold; 65536
	Embargoes   int   // Disembargoes of ours that are under way to a peer at a time, others wait; 256
	MaxPending  int   // local sends that wait (for credit, or on promises) beyond which new ones fail as overloaded; 65536
}

// withDefaults returns l with its zero fields filled in.
func (l Limits) withDefaults() Limits {
	def := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	def64 := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	def(&l.MaxMessage, 8<<20)
	def(&l.MaxSegments, 64)
	def(&l.Depth, 64)
	def(&l.OpenCalls, 4096)
	def64(&l.OpenBytes, 16<<20)
	def64(&l.SoftBytes, 16<<20)
	def64(&l.HardBytes, 32<<20)
	def64(&l.TotalBytes, 192<<20)
	def(&l.Exports, 1<<16)
	def(&l.Imports, 1<<16)
	def(&l.Embargoes, 256)
	def(&l.MaxPending, 1<<16)
	return l
}

// pressed is what may be held for a session before calls that are put aside are
// handled whether there is room for their answers or not.
func (l *Limits) pressed() int64 { return l.HardBytes - l.HardBytes/16 }

// forAnswers is what may be held for a session, apart from what comes of its peer,
// when an answer is written: then the largest message may still come.
func (l *Limits) forAnswers() int64 {
	return max(l.HardBytes/2, l.pressed()-int64(l.MaxMessage))
}
