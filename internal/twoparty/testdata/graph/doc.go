// Package graph holds the types generated from graph.capnp, the schema of the
// interop tests.
package graph
