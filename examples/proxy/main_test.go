package main

import (
	"context"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

var clockTime = regexp.MustCompile(`\d\d:\d\d:\d\d(\.\d{3})?`)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	clock := server.Cap(t)
	for range 2 {
		exampletest.Shown(t, p.Run(t, clock), clockTime)
	}
	server.Interrupt(t)
}

// Deaf is a listener that answers the first so many ticks.
type Deaf struct {
	vat.Object
	hears, heard int
}

func (d *Deaf) Tick(time.Time) *vat.Promise[any] {
	d.heard++
	p, res := vat.NewPromise[any](d.Vat())
	if d.heard <= d.hears {
		_ = res.Resolve(nil) // null can be carried
	}
	return p
}

// A listener that does not answer is not called for ever, and whoever asks hears why.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := vattest.NewNetwork()
		clock := &Clock{}
		sr, err := n.Vat(t, "there", nil).Export(clock, nil)
		require.NoError(t, err)
		here := n.Vat(t, "here", nil).Enliven(sr)
		deaf := &Deaf{hears: 5}
		began := time.Now()
		_, err = vat.Call[any](t.Context(), here.Send("every", time.Second, deaf), "over")
		require.ErrorIs(t, err, errSilent)
		require.Equal(t, 6*time.Second+patience, time.Since(began))
		require.Equal(t, 6, deaf.heard)
		synctest.Wait()
		require.Zero(t, clock.ticking)

		for name, end := range map[string]func(ticks *vat.Ref){
			"stopped": func(ticks *vat.Ref) { ticks.SendOnly("stop") },
			"let go":  func(ticks *vat.Ref) { ticks.Release() },
		} {
			deaf := &Deaf{hears: 1000}
			ticks, err := vat.Call[*vat.Ref](t.Context(), here, "every", time.Second, deaf)
			require.NoError(t, err)
			time.Sleep(10500 * time.Millisecond) // of the bubble
			end(ticks)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, 10, deaf.heard, name)
			require.Zero(t, clock.ticking, name)
		}
	})
}

// halted is a clock that does not tick.
type halted struct{ vat.Object }

func (*halted) Now() (now time.Time)               { return now }
func (h *halted) Every(time.Duration, any) *halted { return h }
func (h *halted) Over() *vat.Promise[any] {
	never, _ := vat.NewPromise[any](h.Vat())
	return never
}

// A client can be interrupted while it waits for ticks.
func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := vattest.NewNetwork()
		sr, err := n.Vat(t, "there", nil).Export(&halted{}, nil)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, client(ctx, n.Vat(t, "here", nil).Enliven(sr), nil), context.DeadlineExceeded)
	})
}
