package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEveryCase runs each case for a moment and looks at what is printed: that
// the program measures what it names, not how fast it is.
func TestEveryCase(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out, true, true, "pingpong", 5))
	dec := json.NewDecoder(&out)
	var names []string
	for dec.More() {
		var r result
		require.NoError(t, dec.Decode(&r))
		require.Positive(t, r.Ns)
		names = append(names, r.Name)
	}
	require.Equal(t, []string{"raw/pingpong", "sealed/pingpong"}, names)
}

// TestCases makes a few calls of every case.
func TestCases(t *testing.T) {
	want := []string{
		"raw/pingpong", "sealed/pingpong", "vat/seq", "vat/out100", "vat/chain10", "vat/oneway", "vat/search100",
		"handoff/met", "handoff/strangers", "handoff/out100", "handoff/call-direct", "handoff/call-donor",
		"disk/fsync", "durable/seq", "durable/out100", "alone/out100",
		"capnp/seq", "capnp/out100", "capnp/chain10", "netrpc/seq", "netrpc/out100", "grpc/seq", "grpc/out100",
	}
	var got []string
	for _, setup := range setups {
		bs, stop, err := setup()
		require.NoError(t, err)
		results, err := measure(bs, 1, time.Millisecond)
		require.NoError(t, err)
		for _, r := range results {
			got = append(got, r.Name)
		}
		stop()
	}
	require.Equal(t, want, got)
}
