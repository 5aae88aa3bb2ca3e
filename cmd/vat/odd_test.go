package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/big"
	"os"
	"os/signal"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// odd is an object that does what a client must bear.
type odd struct {
	vat.Object
	never []*vat.Resolver[string]
	own   sturdyref.Ref
	log   *vat.Ref
}

// nasty is a text that does something to a terminal: a colour, a bell, a turn of
// the direction, something invisible, a line.
const nasty = "red \x1b[31m bell \a turn \u202e zero \u200b line\nend \\ \" é"

var errFull = vat.RegisterError("odd.full", errors.New("odd is full"))

func (o *odd) Fail() error         { return fmt.Errorf("%s: %w", nasty, errFull) }
func (o *odd) Lie() error          { return vat.ErrNoSuchObject }
func (o *odd) Panic()              { panic("secret detail") }
func (o *odd) Die()                { os.Exit(7) }
func (o *odd) Nasty() string       { return nasty }
func (o *odd) Self() *odd          { return o }
func (o *odd) Own() sturdyref.Ref  { return o.own }
func (o *odd) Kind(x any) string   { return fmt.Sprintf("%T %v", x, x) }
func (o *odd) Echo(x ...any) []any { return x }

// Meet introduces odd to a log, to which Tell tells.
func (o *odd) Meet(log *vat.Ref)                  { o.log = log }
func (o *odd) Tell(line string) *vat.Promise[any] { return o.log.Send("log", line) }

// Never answers never.
func (o *odd) Never() *vat.Promise[string] {
	p, r := vat.NewPromise[string](o.Vat())
	o.never = append(o.never, r)
	return p
}

// Values returns one of each.
func (o *odd) Values() vat.Record {
	at := time.Date(2026, 11, 23, 12, 30, 0, 5000, time.FixedZone("", 3600))
	return vat.Record{
		{Name: "null", Value: nil},
		{Name: "bool", Value: true},
		{Name: "int", Value: int64(-5)},
		{Name: "uint", Value: uint64(math.MaxUint64)},
		{Name: "big", Value: new(big.Int).Lsh(big.NewInt(1), 100)},
		{Name: "float", Value: 2.5},
		{Name: "nan", Value: math.NaN()},
		{Name: "infinities", Value: []any{math.Inf(1), math.Inf(-1)}},
		{Name: "bytes", Value: []byte{0, 1, 255}},
		{Name: "time", Value: at},
		{Name: "duration", Value: 90 * time.Second},
		{Name: "list", Value: []any{int64(1), "two", []any{}}},
		{Name: "map", Value: map[string]any{"b": int64(2), "a": int64(1)}},
		{Name: "error", Value: errFull},
		{Name: "ref", Value: o},
	}
}

// mute is an object that does not describe itself.
type mute struct{ vat.Object }

func (*mute) Undescribed() {}

// oddMain serves an odd, or a mute if told so, until interrupted.
func oddMain() {
	v, err := vat.New(&vat.Config{Listen: []string{"127.0.0.1:0"}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err == nil {
		var sr sturdyref.Ref
		if len(os.Args) > 1 {
			sr, err = v.Export(&mute{}, nil)
		} else {
			o := &odd{}
			o.own, err = v.Export(o, nil)
			sr = o.own
		}
		fmt.Println(sr.URI())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	<-interrupted
}
