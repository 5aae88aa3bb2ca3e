package hostile

import (
	"context"
	"errors"
	"net"
	"time"

	"capnproto.org/go/capnp/v3"
	"capnproto.org/go/capnp/v3/rpc"

	"github.com/vatnet/vatnet/spec/object"
)

// PlainPatience is how long an honest call over a plain connection may take.
const PlainPatience = 5 * time.Second

// PlainResult is what a flood did to stock go-capnp.
type PlainResult struct {
	Heap   int64         // bytes of live heap more than before
	CPU    time.Duration // in an idle moment of Idle afterwards
	Honest time.Duration // what an honest call took afterwards; -1: it got no answer
}

// stock is the victim as an object of go-capnp.
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

// FloodPlain pours a flood of messages at stock go-capnp over a plain connection,
// in this process, which may not survive it.
func FloodPlain(f *Flood, n int) (res PlainResult, err error) {
	if f.Raw || f.Sealed {
		return res, errors.New("not a flood of messages")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return res, err
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
	if plainCall(ln.Addr().String()) < 0 {
		return res, errors.New("no answer even before")
	}
	before := liveHeap()
	a := &attack{vars: map[string]uint64{}, wire: &wire{plain: true}}
	if a.conn, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		return res, err
	}
	if err := a.step("bootstrap q=1"); err != nil {
		return res, err
	}
	if err := a.await("return"); err != nil {
		return res, err
	}
	a.vars["obj"], a.vars["boot"] = a.vars["cap"], a.vars["cap"]
	if f.Reads {
		go a.discard(a.conn)
	}
	if err := f.pour(a, n); err != nil && !isGone(err) && !isTimeout(err) {
		return res, err
	}
	pause(time.Second) // it queues what it has read
	res.Heap = liveHeap() - before
	start := cpuTime()
	pause(Idle)
	res.CPU = cpuTime() - start
	res.Honest = plainCall(ln.Addr().String())
	return res, nil
}

// plainCall is an honest session with go-capnp, of one call.
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
