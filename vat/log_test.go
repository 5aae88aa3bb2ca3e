package vat_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// Log is E's log service.
type Log struct {
	vat.Object
	lines []Entry
}

// Entry is one line of it.
type Entry struct {
	At   time.Time
	Line string
}

func (l *Log) Log(line string) { l.lines = append(l.lines, Entry{time.Now(), line}) }

func (l *Log) Search(sub string) []Entry {
	var found []Entry
	for _, e := range l.lines {
		if strings.Contains(e.Line, sub) {
			found = append(found, e)
		}
	}
	return found
}

func testLog(t *testing.T, log *vat.Ref) {
	log.SendOnly("log", "foot")
	log.SendOnly("log", "shoe")
	log.SendOnly("log", "food")
	found, err := vat.Call[[]Entry](t.Context(), log, "search", "foo")
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, "foot", found[0].Line)
	require.Equal(t, "food", found[1].Line)
	require.WithinDuration(t, time.Now(), found[0].At, time.Minute)
}

func TestLogNear(t *testing.T) {
	v, err := vat.New(nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close()) }()
	log, err := v.Ref(&Log{})
	require.NoError(t, err)
	testLog(t, log)
}

func TestLogFar(t *testing.T) {
	n := vattest.NewNetwork()
	server := n.Vat(t, "server", nil)
	client := n.Vat(t, "client", nil)
	sr, err := server.Export(&Log{}, nil)
	require.NoError(t, err)
	testLog(t, client.Enliven(sr))
}

func TestLogTCP(t *testing.T) {
	server, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	client, err := vat.New(nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	sr, err := server.Export(&Log{}, nil)
	require.NoError(t, err)
	testLog(t, client.Enliven(sr))
	require.NoError(t, client.Shutdown(context.Background()))
}
