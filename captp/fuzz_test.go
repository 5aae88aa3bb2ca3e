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

func seedFrames() [][]byte {
	return [][]byte{
		boot(5), call(5, export(0), hosted(3), promised(4), yours(0), yourAnswer(result(0))), call(6, result(1, 0)),
		returns(0, hosted(3)), returns(1, promised(8), yours(0)), finish(0), finish(1), release(0, 1),
		resolve(7, yours(0)), resolve(7, hosted(9)), resolve(7, promised(7)), loop(result(1, 0), 1), loopBack(export(0), 0),
		echo(boot(0)), echo(call(1, export(0))), call(7, result(0), vine(3), yourAnswer(result(1, 0))),
	}
}

// FuzzSequence plays a script of messages of the enemy's and of acts of the victim's own: see play.
func FuzzSequence(f *testing.F) {
	f.Add([]byte("b5. c60 k76 f5. r0. e1. d01 l00 q00"))
	f.Add([]byte("h3.p4.y0.a00 c50 A0. ^0\x01 k65 s7."))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			t.Skip("long enough")
		}
		p := newPlay(t)
		p.play(script)
		p.end()
	})
}
