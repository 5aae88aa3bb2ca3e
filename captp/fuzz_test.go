package captp

import "testing"

// FuzzMessage feeds one message to a machine that has some of everything.
func FuzzMessage(f *testing.F) {
	for _, frame := range seedFrames() {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		v := newVictim(t, Limits{})
		v.feed(frame)
		v.m.TakeDirty(nil)
		v.clean()
	})
}

// FuzzSequence feeds a sequence of messages: each byte chooses one of the seeds
// and, by its high bits, what of it is changed.
func FuzzSequence(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Add([]byte{2, 0, 2, 1, 9, 3, 5, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		seeds := seedFrames()
		v := newVictim(t, Limits{})
		for i := 0; i+2 < len(script); i += 3 {
			frame := append([]byte(nil), seeds[int(script[i])%len(seeds)]...)
			frame[8+int(script[i+1])%(len(frame)-8)] ^= script[i+2]
			v.feed(frame)
			if script[i]&0x80 != 0 && len(v.obj.calls) > 0 {
				c := v.obj.calls[0]
				v.obj.calls = v.obj.calls[1:]
				_, caps := c.Params()
				c.Return(rbody(0, len(caps)), retainAll(caps))
			}
			v.m.TakeDirty(nil)
		}
		v.clean()
	})
}

func seedFrames() [][]byte {
	return [][]byte{
		boot(5), call(5, export(0), hosted(3), promised(4), yours(0), yourAnswer(result(0))), call(6, result(1, 0)),
		returns(0, hosted(3)), returns(1, promised(8), yours(0)), finish(0), finish(1), release(0, 1),
		resolve(7, yours(0)), resolve(7, hosted(9)), resolve(7, promised(7)), loop(result(1, 0), 1), loopBack(export(0), 0),
		echo(boot(0)), echo(call(1, export(0))), call(7, result(0), vine(3), yourAnswer(result(1, 0))),
	}
}
