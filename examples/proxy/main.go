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

	"github.com/vatnet/vatnet/sturdyref"
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

// Every calls a listener at intervals, from now on until it is gone, or what is
// returned has been stopped or let go.
func (c *Clock) Every(interval time.Duration, listener *vat.Ref) (*Ticks, error) {
	if listener == nil || interval < time.Millisecond || c.ticking == maxTicking {
		return nil, errors.New("not so many, not so often, and not to nobody")
	}
	c.ticking++
	ctx, stop := context.WithCancel(context.Background())
	listener.WhenBroken(func(error) { stop() })
	done := vat.Go(c.Vat(), func(closed context.Context) (any, error) { // for what waits
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				listener.SendOnly("tick", now)
			case <-ctx.Done():
				return nil, nil
			case <-closed.Done():
				return nil, nil
			}
		}
	})
	vat.When(done, func(any) (any, error) { // in a turn again
		listener.Release()
		c.ticking--
		return nil, nil
	})
	return &Ticks{stop: stop}, nil
}

// Ticks is the power to stop them.
type Ticks struct {
	vat.Object
	stop context.CancelFunc
}

// Stop ends the ticks.
func (t *Ticks) Stop() { t.stop() }

// Unreferenced runs when the client has let go, or has gone.
func (t *Ticks) Unreferenced() { t.stop() }

func serve(ctx context.Context, cfg *vat.Config) error {
	v, err := vat.New(cfg)
	if err != nil {
		return err
	}
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

func client(ctx context.Context, sr sturdyref.Ref, _ []string) error {
	v, err := vat.New(nil)
	if err != nil {
		return err
	}
	clock := v.Enliven(sr)
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
	for range 3 {
		select {
		case now := <-listener.ticks:
			fmt.Println("called back at", now.Format("15:04:05.000"))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ticks.SendOnly("stop")
	return v.Shutdown(ctx)
}
