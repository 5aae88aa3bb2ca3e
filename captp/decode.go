package captp

import (
	"encoding/binary"
	"strings"

	"github.com/vatnet/vatnet/internal/capn"
)

// What a message says, once decoded. Parts that are read later stay places in
// the frame: they are valid while the message is handled.
type (
	targetMsg struct {
		promised bool   // an answer's result, else an export
		ok       bool   // the arm is known and the path is sound
		id       uint32 // of the export, or of the answer
		path     string
	}
	callMsg struct {
		questionID   uint32
		target       targetMsg
		iface        uint64
		method       uint16
		noPipelining bool
		yourself     bool
		body         capn.Ptr // Payload
		content      capn.Ptr
		size         int
	}
	returnMsg struct {
		answerID         uint32
		releaseParamCaps bool
		noFinish         bool
		which            uint16
		body             capn.Ptr // Payload
		content          capn.Ptr
		err              *Error
		takeFrom         uint32
	}
	disembargoMsg struct {
		target  targetMsg
		context uint16
		id      uint32
		accept  string // of context accept
	}
)

// look parses a whole message and finds what it is. It gives false if it is malformed.
func (s *Session) look(frame []byte) (kind uint16, body capn.Ptr, ok bool) {
	m := s.m
	if m.frame.Parse(frame, &m.words) != nil {
		return 0, body, false
	}
	root, err := m.frame.Root()
	if err != nil || !root.IsStruct() {
		return 0, body, false
	}
	kind = root.U16(0)
	body, err = root.Field(0)
	if err != nil || !(body.IsStruct() || body.IsNull()) {
		// The obsolete arms carry anything; they are echoed like unknown ones.
		if err != nil || kind <= msgDisembargo && kind != 7 && kind != 9 {
			return 0, body, false
		}
	}
	return kind, body, true
}

// isCall reports whether a whole message is a call, mostly without parsing it.
func (s *Session) isCall(frame []byte) bool {
	if len(frame) >= 24 && binary.LittleEndian.Uint32(frame) == 0 { // one segment
		root := binary.LittleEndian.Uint64(frame[8:])
		at := 16 + 8*int64(int32(root)>>2)
		if root&3 == 0 && root>>32&0xffff > 0 && at >= 16 && at+8 <= int64(len(frame)) {
			return binary.LittleEndian.Uint16(frame[at:]) == msgCall
		}
	}
	kind, _, ok := s.look(frame)
	return ok && kind == msgCall
}

// receive handles one whole message. With patient it leaves a call that is early, and
// gives false.
func (s *Session) receive(frame []byte, patient bool) bool {
	kind, body, ok := s.look(frame)
	if !ok {
		s.fatal(ProtoMessage)
		return true
	}
	switch kind {
	case msgCall:
		return s.decodeCall(body, len(frame), patient)
	case msgReturn:
		s.decodeReturn(body)
	case msgFinish:
		s.receiveFinish(body.U32(0), !body.Bool(32))
	case msgRelease:
		s.releaseExport(body.U32(0), body.U32(4))
	case msgResolve:
		s.decodeResolve(body)
	case msgDisembargo:
		if t, ok := s.decodeTarget(body); ok {
			s.decodeDisembargo(body, t)
		}
	case msgBootstrap:
		s.receiveBootstrap(body.U32(0), len(frame))
	case msgProvide:
		s.receiveProvide(body)
	case msgAccept:
		s.receiveAccept(body)
	case msgAbort:
		s.end(&Error{Kind: Disconnected, Reason: PeerAbort.Text() + ": " + decodeError(body).Reason, Outcome: PeerAbort}, false, false)
	case msgUnimplemented:
		s.receiveUnimplemented(body)
	default:
		s.unimplemented()
	}
	return true
}

func (s *Session) decodeCall(b capn.Ptr, size int, patient bool) (taken bool) {
	c := callMsg{
		questionID: b.U32(0), method: b.U16(4), iface: b.U64(8),
		noPipelining: b.Bool(129), size: size,
	}
	switch b.U16(6) {
	case resultsToCaller:
	case resultsToYourself:
		c.yourself = true
	default:
		s.unimplemented()
		return true
	}
	var ok bool
	if c.target, ok = s.decodeTarget(b); !ok {
		return true
	}
	if patient && s.early(c.target) {
		return false
	}
	if c.body, c.content, ok = s.decodePayload(b, 1); ok {
		s.receiveCall(c)
	}
	return true
}

func (s *Session) decodePayload(b capn.Ptr, i int) (body, content capn.Ptr, ok bool) {
	body, err := b.Field(i)
	if err == nil {
		content, err = body.Field(0)
	}
	if err != nil || !(body.IsStruct() || body.IsNull()) {
		s.fatal(ProtoMessage)
		return body, content, false
	}
	return body, content, true
}

func (s *Session) decodeReturn(b capn.Ptr) {
	r := returnMsg{
		answerID: b.U32(0), releaseParamCaps: !b.Bool(32), noFinish: b.Bool(33),
		which: b.U16(6), takeFrom: b.U32(8),
	}
	switch r.which {
	case returnResults:
		var ok bool
		if r.body, r.content, ok = s.decodePayload(b, 0); !ok {
			return
		}
	case returnException:
		e, err := b.Field(0)
		if err != nil {
			s.fatal(ProtoMessage)
			return
		}
		r.err = decodeError(e)
	}
	s.receiveReturn(r)
}

func (s *Session) decodeResolve(b capn.Ptr) {
	p, err := b.Field(0)
	if err != nil {
		s.fatal(ProtoMessage)
		return
	}
	switch b.U16(4) {
	case resolveCap:
		if to, ok := s.receiveCap(p); ok {
			s.receiveResolve(b.U32(0), to, nil)
		}
	case resolveException:
		s.receiveResolve(b.U32(0), nil, decodeError(p))
	default:
		s.unimplemented()
	}
}

func (s *Session) decodeDisembargo(b capn.Ptr, t targetMsg) {
	d := disembargoMsg{target: t, context: b.U16(4), id: b.U32(0)}
	if d.context == contextAccept && s.offered {
		var ok bool
		if d.accept, ok = embargoOf(b); !ok {
			s.fatal(ProtoMessage)
			return
		}
	}
	s.receiveDisembargo(d)
}

// decodeTarget reads the MessageTarget in the first pointer of b.
func (s *Session) decodeTarget(b capn.Ptr) (t targetMsg, ok bool) {
	p, err := b.Field(0)
	if err != nil || !p.IsStruct() {
		s.fatal(ProtoMessage)
		return t, false
	}
	switch p.U16(4) {
	case targetImportedCap:
		return targetMsg{id: p.U32(0), ok: true}, true
	case targetPromisedAnswer:
		pa, err := p.Field(0)
		if err != nil || !pa.IsStruct() {
			s.fatal(ProtoMessage)
			return t, false
		}
		return s.decodePromisedAnswer(pa)
	}
	s.unimplemented()
	return t, false
}

func (s *Session) decodePromisedAnswer(pa capn.Ptr) (t targetMsg, ok bool) {
	ops, err := pa.Field(0)
	if err != nil || !(ops.IsNull() || ops.IsList()) || ops.Len() > s.m.lim.Depth {
		s.fatal(ProtoMessage)
		return t, false
	}
	t = targetMsg{promised: true, ok: true, id: pa.U32(0)}
	if ops.Len() == 1 && ops.Elem(0).U16(0) == opPointerField && ops.Elem(0).U16(2) == 0 {
		t.path = path0
		return t, true
	}
	path := make([]byte, 0, 2*ops.Len())
	for i := range ops.Len() {
		switch op := ops.Elem(i); op.U16(0) {
		case opNoop:
		case opPointerField:
			path = append(path, byte(op.U16(2)), byte(op.U16(2)>>8))
		default:
			s.unimplemented()
			return t, false
		}
	}
	t.path = string(path)
	return t, true
}

// receiveCaps takes a payload's capability table in. Every reference in it is
// taken, also when a later one breaks a rule. The slice is valid until the next
// message.
func (s *Session) receiveCaps(body capn.Ptr) []*Ref {
	list, err := body.Field(1)
	if err != nil || !(list.IsNull() || list.IsList()) {
		s.fatal(ProtoMessage)
		return nil
	}
	n := list.Len()
	if n == 0 {
		return nil
	}
	if n > s.m.lim.Imports || n > s.m.lim.MaxMessage/16 {
		s.fatal(LimitImports)
		return nil
	}
	caps := s.m.caps[:0]
	for i := range n {
		r, ok := s.receiveCap(list.Elem(i))
		if !ok {
			break
		}
		caps = append(caps, r)
	}
	if cap(caps) <= capsKeep {
		s.m.caps = caps
	}
	return caps
}

// receiveCap takes one CapDescriptor in: a holder, or nil for null.
func (s *Session) receiveCap(d capn.Ptr) (r *Ref, ok bool) {
	id := d.U32(4)
	switch d.U16(0) {
	case capNone:
		return nil, true
	case capSenderHosted:
		return s.importRef(id, false), s.failing == ""
	case capSenderPromise:
		return s.importRef(id, true), s.failing == ""
	case capReceiverHosted:
		r, ok := s.returning(targetMsg{id: id, ok: true})
		return s.m.detour(r), ok
	case capReceiverAnswer:
		pa, err := d.Field(0)
		if err != nil || !pa.IsStruct() {
			s.fatal(ProtoMessage)
			return nil, false
		}
		t, ok := s.decodePromisedAnswer(pa)
		if !ok {
			return nil, false
		}
		r, ok := s.returning(t)
		return s.m.detour(r), ok
	case capThirdPartyHosted:
		return s.receiveThird(d)
	}
	return s.m.BrokenRef(errUnknownCap), true
}

// returning is a reference of ours that comes home.
func (s *Session) returning(t targetMsg) (*Ref, bool) {
	r, way := s.target(t)
	if r == nil {
		return nil, false
	}
	end := r.Settled().onVine()
	switch {
	case s.goesOn(r, way):
		p := s.m.NewPromise()
		s.embargo(p, r, r.Settled().Retain())
		r.Release()
		return p, s.failing == ""
	case end.live() && end.through() == s:
		r.Release()
		return end.Retain(), true
	}
	behind := s.m.behindGate(s, r)
	r.Release()
	return behind, true
}

// decodeError reads an Exception. Texts are copied, cut to a bound.
func decodeError(e capn.Ptr) *Error {
	err := &Error{Kind: Kind(e.U16(4)), Reason: "unspecified", Remote: true}
	if err.Kind > Unimplemented {
		err.Kind = Failed
	}
	if p, bad := e.Field(0); bad == nil {
		if t, bad := p.Text(); bad == nil && len(t) > 0 {
			err.Reason = strings.ToValidUTF8(string(t[:min(len(t), maxReason)]), "\uFFFD")
		}
	}
	details, bad := e.Field(2)
	if bad != nil || !details.IsList() {
		return err
	}
	for i := range min(details.Len(), 8) {
		d := details.Elem(i)
		if d.U64(0) != errorCode {
			continue
		}
		if p, bad := d.Field(0); bad == nil {
			if code, bad := p.Bytes(); bad == nil && len(code) <= maxCode {
				err.Code = string(code)
			}
		}
	}
	return err
}

const (
	maxReason = 4096 // bytes of a peer's reason that are kept
	maxCode   = 128  // bytes of a peer's error code
)
