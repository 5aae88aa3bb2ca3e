// Proxy is an object that one has by its URI, and that calls back into its client,
// as with dRuby: a time service.
//
//	(umask 077; go run ./examples/proxy > clock.cap) &
//	go run ./examples/proxy clock.cap
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

func main() { program.Main(serve, client) }

// The server.

// Clock tells the time, and goes on telling it.
type Clock struct {
	vat.Object
	ticking int
}

// Now returns the time.
func (*Clock) Now() time.Time { return time.Now() }

// maxTicking is how many may listen at a time: each costs a goroutine.
const maxTicking = 1000

// patience is how long a listener may take to answer.
const patience = 10 * time.Second

var errSilent = vat.RegisterError("clock.silent", errors.New("the listener does not answer"))

// Every calls a listener at intervals, from now on until it is gone, has not answered in
// time, or what is returned has been stopped or let go.
func (c *Clock) Every(interval time.Duration, listener *vat.Ref) (*Ticks, error) {
	if listener == nil || interval < time.Millisecond || c.ticking == maxTicking {
		return nil, errors.New("not so many, not so often, and not to nobody")
	}
	c.ticking++
	stopped, stop := context.WithCancel(context.Background())
	over := vat.Go(c.Vat(), func(ctx context.Context) (any, error) { // for what waits
		defer context.AfterFunc(ctx, stop)() // the vat is closed
		return nil, tick(stopped, interval, listener)
	})
	vat.WhenSettled(over, func(any, error) (any, error) { // in a turn again
		stop()
		listener.Release()
		c.ticking--
		return nil, nil
	})
	return &Ticks{stop: stop, over: over}, nil
}

// tick calls a listener until ctx ends. One call is under way at a time: who answers late
// is called less often, and who does not answer no more.
func tick(ctx context.Context, interval time.Duration, listener *vat.Ref) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			called, cancel := context.WithTimeout(ctx, patience)
			_, err := vat.Call[any](called, listener, "tick", now)
			cancel()
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				return errSilent
			case err != nil && ctx.Err() == nil:
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Ticks is the power to stop them.
type Ticks struct {
	vat.Object
	stop context.CancelFunc
	over *vat.Promise[any]
}

// Stop ends the ticks.
func (t *Ticks) Stop() { t.stop() }

// Over promises to say when the ticks have ended; if not by Stop, then why.
func (t *Ticks) Over() *vat.Promise[any] { return t.over }

// Unreferenced runs when the client has let go, or has gone.
func (t *Ticks) Unreferenced() { t.stop() }

func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, &Clock{})
}

// The client.

// Listener lives here. The clock can call it, and nothing else of this process; it
// has no address that anybody could dial.
type Listener struct {
	vat.Object
	ticks chan time.Time
}

// Tick is called from there.
func (l *Listener) Tick(now time.Time) {
	select {
	case l.ticks <- now:
	default: // a turn does not wait
	}
}

func client(ctx context.Context, clock *vat.Ref, _ []string) error {
	now, err := vat.Call[time.Time](ctx, clock, "now")
	if err != nil {
		return err
	}
	fmt.Println("it is", now.Format(time.TimeOnly))

	listener := &Listener{ticks: make(chan time.Time, 10)}
	ticks, err := vat.Call[*vat.Ref](ctx, clock, "every", 100*time.Millisecond, listener)
	if err != nil {
		return err
	}
	fmt.Println("the call has returned")
	over := make(chan error, 1)
	vat.WhenSettled(ticks.Send("over"), func(_ any, err error) (any, error) { over <- err; return nil, nil })
	for called := 0; ; {
		select {
		case now := <-listener.ticks:
			fmt.Println("called back at", now.Format("15:04:05.000"))
			if called++; called == 3 {
				ticks.SendOnly("stop")
				return <-over
			}
		case err := <-over: // the clock has given up
			return err
		case <-ctx.Done(): // interrupted
			return context.Cause(ctx)
		}
	}
}
