package captp

import "github.com/vatnet/vatnet/internal/capn"

// unimplemented echoes the message that is being handled: an arm of a higher
// level, or of a later version.
func (s *Session) unimplemented() {
	root, err := s.m.frame.Root()
	if err != nil {
		s.fatal(ProtoMessage)
		return
	}
	b := &s.m.b
	b.InitFramed(s.out)
	echo := b.Root(1, 1)
	echo.SetU16(0, msgUnimplemented)
	if b.CopyOnce(echo.Slot(0), root) != nil {
		s.fatal(ProtoMessage)
		return
	}
	s.commit()
}

// receiveUnimplemented handles the echo of a message of ours, as far as anything
// can follow from it.
func (s *Session) receiveUnimplemented(msg capn.Ptr) {
	body, err := msg.Field(0)
	if err != nil {
		s.fatal(ProtoMessage)
		return
	}
	switch msg.U16(0) {
	case msgCall, msgBootstrap:
		// As if it had returned an exception, with nothing to finish.
		s.receiveReturn(returnMsg{
			answerID: body.U32(0), releaseParamCaps: true, noFinish: true,
			which: returnException, err: errPeerLevel,
		})
	case msgResolve:
		// As if the peer had released at once what the promise resolved to.
		if d, err := body.Field(0); err == nil && body.U16(4) == resolveCap {
			if arm := d.U16(0); arm == capSenderHosted || arm == capSenderPromise {
				s.releaseExport(d.U32(4), 1)
			}
		}
	case msgUnimplemented:
		// Never echo an echo.
	default:
		s.fatal(ProtoEcho)
	}
}
