// Package network is generated from spec/network.capnp: what the messages of a handoff leave to the network. What each of
// it means stands in the schema and in spec/handoff.md.
package network

//go:generate ../generate.sh network
