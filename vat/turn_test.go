package vat_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// Selfish sends to itself, and sees when that takes effect.
type Selfish struct {
	vat.Object
	now    []string
	before int
}

func (s *Selfish) Start() {
	r, err := s.Vat().Ref(s)
	if err != nil {
		panic(err)
	}
	r.SendOnly("mark", "later")
	s.now = append(s.now, "first")
	s.before = len(s.now)
}

func (s *Selfish) Mark(m string)   { s.now = append(s.now, m) }
func (s *Selfish) Marks() []string { return s.now }
func (s *Selfish) Before() int     { return s.before }

func TestASendTakesEffectInALaterTurn(t *testing.T) {
	spec.Covers(t, "OBJ-2")
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Selfish{})
		call[any](t, r, "start")
		require.Equal(t, 1, call[int](t, r, "before"))
		require.Equal(t, []string{"first", "later"}, call[[]string](t, r, "marks"))
	})
}

// What was canceled before its turn is not delivered; what had arrived when its
// session ended is.
func TestCanceledBeforeItsTurn(t *testing.T) {
	spec.Covers(t, "OBJ-14", "OBJ-15")
	nearAndFar(t, func(t *testing.T, p *place) {
		rec := &Recorder{block: make(chan struct{}), began: make(chan struct{}, 1)}
		r := p.give(rec)
		blocked := r.Send("block")
		<-rec.began
		r.SendOnly("note", "a")
		canceled := r.Send("note", "b")
		r.SendOnly("note", "c")
		pass(time.Second)
		canceled.Cancel()
		require.ErrorIs(t, failure(t, canceled), vat.ErrCanceled)
		pass(time.Second)
		if p.here != p.there {
			p.net.Cut("here", "there")
			pass(time.Second)
		}
		close(rec.block)
		pass(time.Second)
		if p.here == p.there {
			await(t, blocked)
		}
		near, err := p.there.Ref(rec)
		require.NoError(t, err)
		require.Equal(t, "a c", call[string](t, near, "join"))
	})
}

func TestErrorsAreQuoted(t *testing.T) {
	spec.Covers(t, "ERR-2")
	require.Equal(t, "plain text", (&vat.Error{Text: "plain text"}).Error())
	require.Equal(t, `"\x1b[31mred\n"`, (&vat.Error{Text: "\x1b[31mred\n"}).Error())
	nearAndFar(t, func(t *testing.T, p *place) {
		r := p.give(&Loud{})
		err := failure(t, r.Send("shout", "\x1b[2J\u202e"))
		require.NotContains(t, err.Error(), "\x1b")
		require.NotContains(t, err.Error(), "\u202e")
		err = failure(t, r.Send("shout", strings.Repeat("x", 100_000)))
		require.LessOrEqual(t, len(err.Error()), 4096+10)
		var e *vat.Error
		require.ErrorAs(t, err, &e)
	})
}

// Loud fails with what it is told.
type Loud struct{ vat.Object }

func (l *Loud) Shout(s string) error { return errors.New(s) }

func TestRegisterError(t *testing.T) {
	require.Panics(t, func() { vat.RegisterError("", io.EOF) })
	require.Panics(t, func() { vat.RegisterError("vat.mine", io.EOF) })
	require.Panics(t, func() { vat.RegisterError("UPPER", io.EOF) })
	require.Panics(t, func() { vat.RegisterError("nil", nil) })
	require.Panics(t, func() { vat.RegisterError("test.full", io.EOF) }, "taken")
	require.Equal(t, errFull, vat.RegisterError("test.full", errFull), "again")
	require.ErrorIs(t, &vat.Error{Code: "test.full"}, errFull)
	require.NotErrorIs(t, &vat.Error{Code: "test.other"}, errFull)
	require.NotErrorIs(t, &vat.Error{Code: "test.full"}, io.EOF)
	// an error that cannot be compared does no harm
	require.NotErrorIs(t, &vat.Error{Code: "x"}, sliceError{"a"})
}

type sliceError []string

func (sliceError) Error() string { return "slice" }

func TestRefsShowNothing(t *testing.T) {
	alone(t, func(t *testing.T, v *vat.Vat, _ *logbook) {
		r, err := v.Ref(&Recorder{})
		require.NoError(t, err)
		require.Equal(t, "vat.Ref(near)", r.String())
		require.Same(t, v, r.Vat())
		require.True(t, strings.HasPrefix(v.String(), "vat "))
		require.Equal(t, "broken", vat.BrokenRef.String())
		require.Equal(t, "promise", vat.PromiseRef.String())
		require.Equal(t, "far", vat.FarRef.String())
		require.Equal(t, "unknown", vat.State(9).String())
		var buf bytes.Buffer
		_, err = buf.WriteString((&vat.Description{}).String())
		require.NoError(t, err)
	})
}
