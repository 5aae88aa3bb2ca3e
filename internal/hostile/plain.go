package hostile

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/rpc"

	"github.com/vatnet/vatnet/spec/object"
)

// PlainPatience is how long an honest call over a plain connection may take.
const PlainPatience = 5 * time.Second

// Stock is another implementation of the messages under attack: a server on plain connections whose object does what
// [Victim] does under the verbs of the floods.
type Stock struct {
	Addr string                        // where it listens, by TCP
	Held func() (int64, error)         // how many bytes it holds
	Used func() (time.Duration, error) // how much CPU it has used
}

// PlainResult is what a flood did to a Stock.
type PlainResult struct {
	Held   int64         // bytes more than before
	Used   time.Duration // CPU, for all of it
	CPU    time.Duration // in an idle moment of Idle afterwards
	Honest time.Duration // what an honest call took afterwards; -1: it got no answer
}

// stock is the object of go-capnp.
type stock struct{}

// Send implements object.Object_Server.
func (stock) Send(ctx context.Context, call object.Object_send) error {
	verb, err := call.Args().Verb()
	if err != nil {
		return err
	}
	switch verb {
	case "hang", "int64":
		call.Go()
		<-ctx.Done()
		return ctx.Err()
	case "blob":
		res, err := call.AllocResults()
		if err != nil {
			return err
		}
		v, err := res.NewValue()
		if err != nil {
			return err
		}
		return v.SetData(make([]byte, 1<<20))
	case "make", "me":
		res, err := call.AllocResults()
		if err != nil {
			return err
		}
		return res.SetRef(object.Object_ServerToClient(stock{}))
	}
	return nil
}

// Settle implements object.Object_Server.
func (stock) Settle(context.Context, object.Object_settle) error { return nil }

// GoCapnp starts stock go-capnp in this process, which may not survive what is done to it.
func GoCapnp() (*Stock, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			rpc.NewConn(rpc.NewStreamTransport(conn), &rpc.Options{
				BootstrapClient: capnp.Client(object.Object_ServerToClient(stock{})),
			})
		}
	}()
	return &Stock{
		Addr: ln.Addr().String(),
		Held: func() (int64, error) { return liveHeap(), nil },
		Used: func() (time.Duration, error) { return cpuTime(), nil },
	}, nil
}

// Flood pours n messages of f at the server. An error that wraps [ErrDied] says that it did not survive.
func (s *Stock) Flood(f *Flood, n int) (res PlainResult, err error) {
	if !f.Plain() {
		return res, errors.New("a flood for vats only")
	}
	if plainCall(s.Addr) < 0 {
		return res, errors.New("no answer even before")
	}
	held, used, err := s.measure()
	if err != nil {
		return res, err
	}
	a := &attack{vars: map[string]uint64{}, wire: &wire{plain: true}}
	if a.conn, err = net.Dial("tcp", s.Addr); err != nil {
		return res, err
	}
	var reading sync.WaitGroup
	defer reading.Wait()
	defer a.conn.Close()
	if err := a.step("bootstrap q=1"); err != nil {
		return res, err
	}
	if err := a.await("return"); err != nil {
		return res, err
	}
	a.vars["obj"], a.vars["boot"] = a.vars["cap"], a.vars["cap"]
	if f.Reads {
		if err := a.conn.SetReadDeadline(time.Time{}); err != nil {
			return res, err
		}
		reading.Go(func() { a.discard(a.conn) })
	}
	if err := f.pour(a, n); err != nil && !isGone(err) && !isTimeout(err) {
		return res, err
	}
	pause(time.Second) // it queues what it has read
	start, err := s.Used()
	if err != nil {
		return res, errors.Join(ErrDied, err)
	}
	pause(Idle)
	held2, used2, err := s.measure()
	if err != nil {
		return res, errors.Join(ErrDied, err)
	}
	return PlainResult{Held: held2 - held, Used: used2 - used, CPU: used2 - start, Honest: plainCall(s.Addr)}, nil
}

// ErrDied: the server did not survive the flood.
var ErrDied = errors.New("it died")

func (s *Stock) measure() (held int64, used time.Duration, err error) {
	if used, err = s.Used(); err == nil {
		held, err = s.Held()
	}
	return held, used, err
}

// plainCall is an honest session of one call, by go-capnp.
func plainCall(addr string) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), PlainPatience)
	defer cancel()
	begin := time.Now()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return -1
	}
	c := rpc.NewConn(rpc.NewStreamTransport(conn), nil)
	f, release := object.Object(c.Bootstrap(ctx)).Send(ctx, func(p object.Object_send_Params) error { return p.SetVerb("join") })
	defer release()
	if _, err := f.Struct(); err != nil {
		return -1
	}
	return time.Since(begin)
}
