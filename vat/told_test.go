package vat_test

import (
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// toldRef gives a sturdyref that only a message has brought.
func toldRef(t *testing.T, id crypto.VatID, location string) sturdyref.Ref {
	t.Helper()
	sr, err := sturdyref.New(id, []string{location}, sturdyref.SwissnumOf([sturdyref.SwissnumSize]byte{1, 2, 3}))
	require.NoError(t, err)
	uri := sr.URI()
	sr = sturdyref.Ref{}
	for {
		runtime.GC() // the program forgets that it made one
		sr, err = sturdyref.ParseTold(uri, crypto.VatID{})
		require.NoError(t, err)
		if _, told := sr.Donor(); told {
			return sr
		}
	}
}

// A sturdyref of a message does not lead to the loopback of a vat that is not there.
func TestMessagesDoNotSendUsHome(t *testing.T) {
	spec.Covers(t, "LOC-9", "LOC-10")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	var knocks atomic.Int32
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			knocks.Add(1)
			_ = c.Close()
		}
	}()
	cfg := quiet()
	cfg.Listen = []string{"127.0.0.1:0"}
	server, err := vat.New(cfg)
	require.NoError(t, err)
	defer server.Close()
	client, err := vat.New(quiet())
	require.NoError(t, err)
	defer client.Close()

	entry, err := server.Export(&Recorder{}, nil)
	require.NoError(t, err)
	r := client.Enliven(entry) // its program knows it
	near, err := client.Ref(&Recorder{})
	require.NoError(t, err)
	id := crypto.IdentityFromSeed([32]byte{77}).VatID()
	trap := toldRef(t, id, ln.Addr().String())
	came := call[sturdyref.Ref](t, r, "echo", trap)
	require.Equal(t, trap, came)
	passed := call[any](t, near, "echo", came).(sturdyref.Ref)
	for _, sr := range []sturdyref.Ref{came, passed} {
		err := client.Enliven(sr).Await(t.Context())
		require.ErrorIs(t, err, vat.ErrUnreachable)
		require.NotErrorIs(t, err, vat.ErrWrongVat)
	}
	require.Zero(t, knocks.Load())

	require.Error(t, server.Enliven(came).Await(t.Context()), "is on the loopback itself, and knocks")
	require.EqualValues(t, 1, knocks.Load())

	// What the program has itself stays its own on the way to a near object.
	own := call[sturdyref.Ref](t, near, "echo", entry)
	_, told := own.Donor()
	require.False(t, told)
}
