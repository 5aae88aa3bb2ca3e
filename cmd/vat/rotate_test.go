package main

import (
	"io"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat"
)

// TestKilledWhileRotating kills the command that gives a server a new identity: the old one or the new one is
// there then, whole, with the same grants.
func TestKilledWhileRotating(t *testing.T) {
	spec.Covers(t, "DUR-12")
	dir := filepath.Join(t.TempDir(), "log")
	cfg := func() *vat.Config {
		return &vat.Config{Listen: []string{"127.0.0.1:0"}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	}
	v, err := vat.Open(dir, cfg())
	require.NoError(t, err)
	g, err := v.Mint(logName, nil)
	require.NoError(t, err)
	sr, ids := g.Sturdyref(), []crypto.VatID{v.ID()} // that it has had, the oldest first
	require.NoError(t, v.Close())
	r := rand.New(rand.NewPCG(7, 8))
	kept := 0
	for range 14 { // sixteen former identities are the most that there may be
		cmd := exec.Command("vat", "store", "rotate", dir)
		require.NoError(t, cmd.Start())
		kill := time.AfterFunc(time.Duration(r.IntN(16000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // it was killed, or was faster
		kill.Stop()
		v, err := vat.Open(dir, cfg())
		require.NoError(t, err)
		if v.ID() == ids[len(ids)-1] {
			kept++
		} else {
			ids = append(ids, v.ID())
		}
		formers := v.Formers()
		require.Len(t, formers, len(ids)-1)
		for i, f := range formers { // the youngest first
			require.Equal(t, ids[len(ids)-2-i], f.ID)
			require.True(t, f.Until.IsZero())
		}
		_, err = v.GrantOf(sr)
		require.NoError(t, err)
		require.NoError(t, v.Close())
		left, err := filepath.Glob(filepath.Join(dir, "key.*"))
		require.NoError(t, err)
		require.Empty(t, left)
	}
	t.Logf("of 14 rotations that were killed %d had not happened", kept)
}
