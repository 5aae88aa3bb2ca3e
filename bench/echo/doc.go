// Package echo is the schema of the service with which stock go-capnp rpc is
// measured, compiled.
package echo

//go:generate sh -c "capnp compile -I $(go list -m -f {{.Dir}} capnproto.org/go/capnp/v3)/std -o $(go tool -n capnpc-go) echo.capnp"
