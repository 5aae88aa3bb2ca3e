package main

import (
	"context"
	"time"

	"github.com/vatnet/vatnet/vat"
)

// service is what the vat benchmarks call.
type service struct {
	vat.Object
	entries []entry
	n       int
}

type entry struct {
	At   time.Time
	Line string
}

func (s *service) Send(text string) string { return text }
func (s *service) Next() *service          { return s }
func (s *service) Log(line string)         { s.n++ }
func (s *service) Count() int              { return s.n }
func (s *service) Search(string) []entry   { return s.entries }

func setupVat() ([]bench, func(), error) {
	server, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		return nil, nil, err
	}
	client, err := vat.New(nil)
	if err != nil {
		return nil, nil, err
	}
	s := &service{}
	for range 100 {
		s.entries = append(s.entries, entry{time.Now(), text})
	}
	sr, err := server.Export(s, nil)
	if err != nil {
		return nil, nil, err
	}
	ctx := context.Background()
	ref := client.Enliven(sr)
	if _, err := vat.Call[string](ctx, ref, "send", text); err != nil {
		return nil, nil, err
	}
	call := func() error {
		_, err := vat.Call[string](ctx, ref, "send", text)
		return err
	}
	chain := func() error {
		at := vat.Target(ref)
		for range 9 {
			at = at.Send("next")
		}
		_, err := vat.Call[string](ctx, at, "send", text)
		return err
	}
	oneway := func(n int) error {
		for range n {
			if err := ref.Ready(ctx); err != nil {
				return err
			}
			ref.SendOnly("log", text)
		}
		_, err := vat.Call[int](ctx, ref, "count") // order: behind the last of them
		return err
	}
	search := func() error {
		_, err := vat.Call[[]entry](ctx, ref, "search", "foo")
		return err
	}
	stop := func() { client.Close(); server.Close() }
	return []bench{
		{name: "vat/seq", run: seq(call)}, {name: "vat/out100", run: out100(call)}, {name: "vat/chain10", run: seq(chain)},
		{name: "vat/oneway", run: oneway}, {name: "vat/search100", run: seq(search)},
	}, stop, nil
}
