package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/boltstore"
)

var kills = flag.Int("kills", 20, "how often TestKilledWhileGranting kills the server")

// granted is what the owner of a directory was told of his grants.
type granted struct {
	dir     string
	r       *rand.Rand
	alive   map[string]sturdyref.Ref // minted, by label
	revoked []sturdyref.Ref
	count   int
}

// TestKilledWhileGranting kills the server while its owner mints, rotates and revokes: whatever he
// was told is so at the next start.
func TestKilledWhileGranting(t *testing.T) {
	spec.Covers(t, "DUR-2", "DUR-3")
	g := &granted{dir: filepath.Join(t.TempDir(), "log"), r: rand.New(rand.NewPCG(5, 6)), alive: map[string]sturdyref.Ref{}}
	own := ""
	for range *kills {
		cmd := exec.Command("vat", "serve", "log", "--dir", g.dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		if own == "" {
			own = line
		}
		require.True(t, own == line, "the owner's sturdyref is another one")
		kill := time.AfterFunc(time.Duration(g.r.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for err = nil; err == nil; {
			err = g.step()
		}
		var refused *refusedError
		require.False(t, errors.As(err, &refused), err)
		_ = cmd.Wait() // it was killed
		kill.Stop()
		g.check(t)
	}
	require.Greater(t, g.count, *kills)
	require.NotEmpty(t, g.revoked)
}

// refusedError is an answer of the server that is no success.
type refusedError struct{ text string }

func (e *refusedError) Error() string { return e.text }

// ask asks the server, which may be killed meanwhile.
func (g *granted) ask(q request) (response, error) {
	conn, err := dialControl(g.dir)
	if err != nil {
		return response{}, err
	}
	r, err := askServer(conn, q)
	if err == nil && r.Error != "" {
		err = &refusedError{r.Error}
	}
	return r, err
}

// step does something, and notes what it was told.
func (g *granted) step() error {
	g.count++
	label := fmt.Sprint("label ", g.count)
	which := ""
	for l := range g.alive {
		which = max(which, l)
	}
	switch do := g.r.IntN(4); {
	case do == 0 && which != "":
		old := g.alive[which]
		delete(g.alive, which) // until it is known
		if _, err := g.ask(request{Do: "revoke", Which: which}); err != nil {
			return err
		}
		g.revoked = append(g.revoked, old)
	case do == 1 && which != "":
		old := g.alive[which]
		delete(g.alive, which)
		r, err := g.ask(request{Do: "rotate", Which: which})
		if err != nil {
			return err
		}
		g.revoked = append(g.revoked, old)
		return g.minted(which, r)
	default:
		r, err := g.ask(request{Do: "new", Label: label})
		if err != nil {
			return err
		}
		return g.minted(label, r)
	}
	return nil
}

func (g *granted) minted(label string, r response) error {
	sr, err := sturdyref.Parse(r.URI)
	g.alive[label] = sr
	return err
}

// check looks into the store, which nobody has now.
func (g *granted) check(t *testing.T) {
	t.Helper()
	s, err := boltstore.Open(filepath.Join(g.dir, "store"))
	require.NoError(t, err)
	require.NoError(t, s.Check(t.Context()))
	require.NoError(t, s.Close())
	v, err := vat.Open(g.dir, &vat.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	for label, sr := range g.alive {
		found, err := v.GrantOf(sr)
		require.NoError(t, err, label)
		require.Equal(t, label, found.Label())
	}
	for _, sr := range g.revoked {
		_, err := v.GrantOf(sr)
		require.ErrorIs(t, err, vat.ErrNoSuchObject)
	}
	require.NoError(t, v.Close())
}
