// Package object holds the types generated from spec/object.capnp: the one
// interface of every object, the values that calls carry, and the nonce
// locator. The runtime encodes and decodes values with a codec of its own; these
// types serve the bridge to generated code, and the tests as oracle.
package object

//go:generate ../generate.sh object
