package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
	"github.com/vatnet/vatnet/vat"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	thermostat := server.Cap(t)
	client := p.Start(t, thermostat)
	exampletest.Shown(t, client.Line(t)+"\n")
	require.Equal(t, "protocol: it does not get that warm\n", client.Fails(t))

	before := p.Start(t, "-old")
	exampletest.Shown(t, p.Fail(t, before.Cap(t)))
	before.Interrupt(t)
	server.Interrupt(t)
}

// The same code works with an object at hand.
func TestNear(t *testing.T) {
	v, err := vat.New(nil)
	require.NoError(t, err)
	defer v.Close()
	ref, err := v.Ref(&Device{celsius: 20})
	require.NoError(t, err)
	thermostat, err := connect(t.Context(), ref)
	require.NoError(t, err)
	require.NoError(t, warmUp(t.Context(), thermostat, 1))
	require.ErrorContains(t, warmUp(t.Context(), thermostat, 20), "warm")
}
