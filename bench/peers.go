package main

import (
	"context"
	"net"
	"net/rpc"

	"capnproto.org/go/capnp/v3"
	capnprpc "capnproto.org/go/capnp/v3/rpc"
	"github.com/vatnet/vatnet/bench/echo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// out100 runs n calls through 100 goroutines: 100 are outstanding at any time.
func out100(call func() error) func(n int) error {
	return func(n int) error {
		const workers = 100
		errs := make(chan error, workers)
		for i := range workers {
			share := n / workers
			if i < n%workers {
				share++
			}
			go func() {
				for range share {
					if err := call(); err != nil {
						errs <- err
						return
					}
				}
				errs <- nil
			}()
		}
		var first error
		for range workers {
			if err := <-errs; err != nil && first == nil {
				first = err
			}
		}
		return first
	}
}

func seq(call func() error) func(n int) error {
	return func(n int) error {
		for range n {
			if err := call(); err != nil {
				return err
			}
		}
		return nil
	}
}

// Stock go-capnp rpc.

type echoServer struct{}

func (echoServer) Echo(_ context.Context, call echo.Echo_echo) error {
	in, err := call.Args().Text()
	if err != nil {
		return err
	}
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetText(in)
}

func (s echoServer) Next(_ context.Context, call echo.Echo_next) error {
	res, err := call.AllocResults()
	if err != nil {
		return err
	}
	return res.SetEcho(echo.Echo_ServerToClient(s))
}

func setupCapnp() ([]bench, func(), error) {
	client, server, err := dialPair()
	if err != nil {
		return nil, nil, err
	}
	sc := capnprpc.NewConn(capnprpc.NewStreamTransport(server), &capnprpc.Options{
		BootstrapClient: capnp.Client(echo.Echo_ServerToClient(echoServer{})),
	})
	cc := capnprpc.NewConn(capnprpc.NewStreamTransport(client), nil)
	ctx := context.Background()
	root := echo.Echo(cc.Bootstrap(ctx))
	call := func() error {
		f, release := root.Echo(ctx, func(p echo.Echo_echo_Params) error { return p.SetText(text) })
		defer release()
		res, err := f.Struct()
		if err != nil {
			return err
		}
		_, err = res.Text()
		return err
	}
	chain := func() error {
		var releases []capnp.ReleaseFunc
		defer func() {
			for _, r := range releases {
				r()
			}
		}()
		at := root
		for range 9 {
			f, release := at.Next(ctx, nil)
			releases = append(releases, release)
			at = f.Echo()
		}
		f, release := at.Echo(ctx, func(p echo.Echo_echo_Params) error { return p.SetText(text) })
		releases = append(releases, release)
		_, err := f.Struct()
		return err
	}
	stop := func() { root.Release(); cc.Close(); sc.Close() }
	return []bench{{name: "capnp/seq", run: seq(call)}, {name: "capnp/out100", run: out100(call)}, {name: "capnp/chain10", run: seq(chain)}}, stop, nil
}

// net/rpc.

type EchoRPC struct{}

func (EchoRPC) Echo(in string, out *string) error { *out = in; return nil }

func setupNetRPC() ([]bench, func(), error) {
	client, server, err := dialPair()
	if err != nil {
		return nil, nil, err
	}
	s := rpc.NewServer()
	if err := s.RegisterName("Echo", EchoRPC{}); err != nil {
		return nil, nil, err
	}
	go s.ServeConn(server) // ends when the connection does
	c := rpc.NewClient(client)
	call := func() error {
		var out string
		return c.Call("Echo.Echo", text, &out)
	}
	stop := func() { c.Close(); server.Close() }
	return []bench{{name: "netrpc/seq", run: seq(call)}, {name: "netrpc/out100", run: out100(call)}}, stop, nil
}

// grpc-go, with a service described by hand and protobuf's StringValue.

type grpcEcho interface {
	echo(*wrapperspb.StringValue) *wrapperspb.StringValue
}

type grpcEchoServer struct{}

func (grpcEchoServer) echo(in *wrapperspb.StringValue) *wrapperspb.StringValue {
	return wrapperspb.String(in.Value)
}

var grpcService = grpc.ServiceDesc{
	ServiceName: "Echo",
	HandlerType: (*grpcEcho)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(srv any, _ context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := new(wrapperspb.StringValue)
			if err := dec(in); err != nil {
				return nil, err
			}
			return srv.(grpcEcho).echo(in), nil
		},
	}},
}

func setupGRPC() ([]bench, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s := grpc.NewServer()
	s.RegisterService(&grpcService, grpcEchoServer{})
	go s.Serve(l) // ends with Stop
	c, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	ctx := context.Background()
	call := func() error {
		return c.Invoke(ctx, "/Echo/Echo", wrapperspb.String(text), new(wrapperspb.StringValue))
	}
	stop := func() { c.Close(); s.Stop() }
	return []bench{{name: "grpc/seq", run: seq(call)}, {name: "grpc/out100", run: out100(call)}}, stop, nil
}
