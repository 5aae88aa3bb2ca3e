package captp

import (
	"capnproto.org/go/capnp/v3/std/capnp/rpc"

	"github.com/vatnet/vatnet/internal/rpctext"
)

// traceFrame describes a message in one line.
func traceFrame(frame []byte) string {
	return rpctext.Frame(frame, func(c rpc.Call) string { return methodName(c.MethodId()) })
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
