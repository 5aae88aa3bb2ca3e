package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

// durableLog is a log whose lines are on the disk when a call returns.
type durableLog struct {
	vat.Durable
	Lines vat.List[entry]
}

func init() { vat.Register[durableLog]("log") }

func (l *durableLog) Log(line string) { l.Lines.Append(entry{time.Now(), line}) }

// alone is a store in which nothing shares a trip to the disk: what that would cost.
type alone struct{ store.Store }

func (s alone) Commit(b *store.Batch) error {
	for _, op := range b.Ops() {
		var one store.Batch
		if op.Delete {
			one.Delete(op.Bucket, op.Key)
		} else {
			one.Put(op.Bucket, op.Key, op.Value)
		}
		if err := s.Store.Commit(&one); err != nil {
			return err
		}
	}
	return nil
}

// setupDurable measures calls of a durable log, and beside them what the disk does: a write
// of a page, and an fsync. The folder is that of temporary files, which TMPDIR names: it has to
// be on a disk for the figures to mean anything.
func setupDurable() ([]bench, func(), error) {
	dir, err := os.MkdirTemp("", "vatnet-bench")
	if err != nil {
		return nil, nil, err
	}
	stops := []func(){func() { os.RemoveAll(dir) }}
	stop := func() {
		for i := len(stops) - 1; i >= 0; i-- {
			stops[i]()
		}
	}
	file, err := os.Create(filepath.Join(dir, "page"))
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, func() { file.Close() })
	cases := []bench{{name: "disk/fsync", run: seq(func() error {
		if _, err := file.WriteAt(make([]byte, 4096), 0); err != nil {
			return err
		}
		return file.Sync()
	})}}
	for _, x := range []struct {
		name string
		wrap func(store.Store) store.Store
	}{
		{"durable", func(s store.Store) store.Store { return s }},
		{"alone", func(s store.Store) store.Store { return alone{s} }},
	} {
		s, err := boltstore.Open(filepath.Join(dir, x.name))
		if err != nil {
			return nil, stop, err
		}
		call, end, err := logDurably(x.wrap(s))
		if err != nil {
			return nil, stop, err
		}
		stops = append(stops, end)
		if x.name == "durable" {
			cases = append(cases, bench{name: "durable/seq", run: seq(call)})
		}
		cases = append(cases, bench{name: x.name + "/out100", run: out100(call)})
	}
	return cases, stop, nil
}

// logDurably returns what makes one call of a durable log that is kept in s.
func logDurably(s store.Store) (call func() error, stop func(), err error) {
	id, err := crypto.NewIdentity()
	if err != nil {
		return nil, nil, err
	}
	server, err := vat.New(&vat.Config{Identity: id, Store: s, Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		return nil, nil, err
	}
	log, err := vat.Root(server, "log", func() *durableLog { return &durableLog{} })
	if err != nil {
		return nil, nil, err
	}
	sr, err := server.Export(log, nil)
	if err != nil {
		return nil, nil, err
	}
	client, err := vat.New(nil)
	if err != nil {
		return nil, nil, err
	}
	ref := client.Enliven(sr)
	call = func() error {
		_, err := vat.Call[any](context.Background(), ref, "log", text)
		return err
	}
	return call, func() { client.Close(); server.Close() }, call()
}
