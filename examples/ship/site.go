package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/program"
)

// What somebody's computation may use up.
const (
	maxModule  = 64 << 10        // bytes
	maxPages   = 16              // of memory, 64 KiB each
	maxFuel    = 10_000_000      // instructions
	maxTime    = 5 * time.Second // also waiting for references
	maxRunning = 4               // at a time
)

// Site is where computations are shipped to.
type Site struct {
	vat.Object
	running  int
	patience time.Duration // how long a computation may take
}

// Ledger is data that is here.
type Ledger struct{ vat.Object }

// Entry returns one of a thousand entries.
func (*Ledger) Entry(i int64) (int64, error) {
	if i < 0 || i >= 1000 {
		return 0, errors.New("there is no such entry")
	}
	return i * i, nil
}

// Ledger gives the ledger to whoever can reach the site.
func (*Site) Ledger() *Ledger { return &Ledger{} }

// Eval evaluates an expression over the arguments, and nothing else.
func (*Site) Eval(text string, args map[string]float64) (float64, error) { return eval(text, args) }

// Result is what a module returned, and what it took.
type Result struct{ Value, Fuel int64 }

// Run runs a WebAssembly module: its function run, with n. All that it can call is
// vat.call(ref, verb, length of verb, argument), and the references are those given,
// by their number.
func (s *Site) Run(module []byte, n int64, refs ...*vat.Ref) (*vat.Promise[Result], error) {
	if s.running == maxRunning {
		return nil, errors.New("the site is busy")
	}
	if len(module) > maxModule {
		return nil, errors.New("the module is too large")
	}
	s.running++
	ran := vat.Go(s.Vat(), func(ctx context.Context) (Result, error) { // it is no turn: it may take its time
		ctx, cancel := context.WithTimeout(ctx, s.patience)
		defer cancel()
		return run(ctx, module, n, refs)
	})
	vat.WhenSettled(ran, func(Result, error) (any, error) { // in a turn again
		s.running--
		return nil, nil
	})
	return ran, nil
}

func run(ctx context.Context, module []byte, n int64, refs []*vat.Ref) (Result, error) {
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().
		WithCoreFeatures(api.CoreFeaturesV1).WithMemoryLimitPages(maxPages).WithCloseOnContextDone(true))
	defer rt.Close(ctx)
	metered, err := meter(module, maxFuel)
	if err != nil {
		return Result{}, err
	}
	if _, err := rt.CompileModule(ctx, module); err != nil { // what meter makes of an invalid one counts for nothing
		return Result{}, err
	}
	var failed error // of a call to a reference
	_, err = rt.NewHostModuleBuilder("vat").NewFunctionBuilder().
		WithFunc(func(ctx context.Context, m api.Module, ref, verb, length uint32, arg int64) int64 {
			x, err := call(ctx, m.Memory(), refs, ref, verb, length, arg)
			if err != nil {
				failed = err
				panic(err) // the engine turns it into a trap
			}
			return x
		}).Export("call").Instantiate(ctx)
	if err != nil {
		return Result{}, err
	}
	m, err := rt.InstantiateWithConfig(ctx, metered, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		return Result{}, err
	}
	f := m.ExportedFunction("run")
	if f == nil {
		return Result{}, errors.New("the module does not export run")
	}
	results, err := f.Call(ctx, uint64(n))
	left := int64(m.ExportedGlobal(fuelName).Get())
	switch {
	case failed != nil:
		return Result{}, failed
	case left < 0:
		return Result{}, errors.New("out of fuel")
	case ctx.Err() != nil:
		return Result{}, errors.New("out of time")
	case err != nil:
		return Result{}, err
	case len(results) != 1:
		return Result{}, errors.New("run does not return one number")
	}
	return Result{Value: int64(results[0]), Fuel: maxFuel - left}, nil
}

// call is what a module can do to the world.
func call(ctx context.Context, memory api.Memory, refs []*vat.Ref, ref, verb, length uint32, arg int64) (int64, error) {
	if uint64(ref) >= uint64(len(refs)) || refs[ref] == nil {
		return 0, fmt.Errorf("there is no reference %d", ref)
	}
	if memory == nil {
		return 0, errors.New("the module has no memory")
	}
	name, ok := memory.Read(verb, length)
	if !ok {
		return 0, errors.New("the verb is outside of the memory")
	}
	return vat.Call[int64](ctx, refs[ref], string(name), arg)
}

func serve(ctx context.Context, v *vat.Vat) error {
	return program.Serve(ctx, v, os.Stdout, &Site{patience: maxTime})
}
