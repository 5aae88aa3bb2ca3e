package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/vatnet/vatnet/internal/exampletest"
	"github.com/vatnet/vatnet/vat"
)

func TestProcesses(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	exampletest.Shown(t, p.Run(t, server.Cap(t)))
	server.Interrupt(t)
}

// site gives a site in a vat of its own.
func site(t *testing.T) *vat.Ref {
	v, err := vat.New(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	r, err := v.Ref(&Site{patience: time.Minute}) // under the race detector an engine is slow
	require.NoError(t, err)
	return r
}

func module(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".wasm"))
	require.NoError(t, err)
	return b
}

func TestConfinement(t *testing.T) {
	s := site(t)
	for name, want := range map[string]string{
		"borrow": "functions only",
		"large":  "memory",
		"refuel": "invalid global index",
		"start":  "unreachable",
		"table":  "no table",
	} {
		_, err := vat.Call[Result](t.Context(), s, "run", module(t, name), 0)
		require.ErrorContains(t, err, want, name)
	}
	_, err := vat.Call[Result](t.Context(), s, "run", module(t, "deep"), 1_000_000)
	require.ErrorContains(t, err, "stack overflow")
	_, err = vat.Call[Result](t.Context(), s, "run", make([]byte, maxModule+1), 0)
	require.ErrorContains(t, err, "too large")
	_, err = vat.Call[Result](t.Context(), s, "run", []byte("no module"), 0)
	require.ErrorContains(t, err, "the module is cut off")

	deep, err := vat.Call[Result](t.Context(), s, "run", module(t, "deep"), 100) // and the site lives on
	require.NoError(t, err)
	require.Zero(t, deep.Value)
}

// What a module does is what it did, and costs the same each time, and more for more.
func TestFuel(t *testing.T) {
	s := site(t)
	var last int64
	for n := range int64(10) {
		r, err := vat.Call[Result](t.Context(), s, "run", module(t, "busy"), n)
		require.NoError(t, err)
		require.Equal(t, n*n, r.Value)
		require.Greater(t, r.Fuel, last)
		last = r.Fuel
		again, err := vat.Call[Result](t.Context(), s, "run", module(t, "busy"), n)
		require.NoError(t, err)
		require.Equal(t, r, again)
	}
	_, err := vat.Call[Result](t.Context(), s, "run", module(t, "busy"), 1<<20)
	require.ErrorContains(t, err, "out of fuel")
}

// stuck is a reference that does not answer until it is let go.
type stuck struct {
	vat.Object
	called chan struct{}
	answer *vat.Promise[int64]
}

func (s *stuck) Entry(int64) *vat.Promise[int64] {
	s.called <- struct{}{}
	return s.answer
}

func TestBusy(t *testing.T) {
	s := site(t)
	answer, resolver := vat.NewPromise[int64](s.Vat())
	ref := &stuck{called: make(chan struct{}, maxRunning), answer: answer}
	var running []*vat.Promise[Result]
	for range maxRunning {
		running = append(running, vat.Send[Result](s, "run", sum, 1, ref))
		<-ref.called
	}
	_, err := vat.Call[Result](t.Context(), s, "run", sum, 1, ref)
	require.ErrorContains(t, err, "busy")
	require.NoError(t, resolver.Resolve(7))
	for _, r := range running {
		result, err := r.Await(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(7), result.Value)
	}
}

func TestEval(t *testing.T) {
	args := map[string]float64{"x": 3}
	for text, want := range map[string]float64{
		"8/4": 2, "1 + 2*x": 7, "-(x-5)*2": 4, "2--x": 5, "1.5e1": 15, "8/4/2": 1, "7-4-3": 0,
	} {
		got, err := eval(text, args)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "1+", "(1", "1)", "y", "1 2", "x(1)", "1/0", "x.y", "\"a\"", "1;2", "0x"} {
		_, err := eval(text, args)
		require.Error(t, err, text)
	}
}

func FuzzEval(f *testing.F) {
	for _, text := range []string{"8/4", "-(x-5)*2e3", "((((1", "x.y", "1/0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := eval(text, map[string]float64{"x": 3})
		y, again := eval(text, map[string]float64{"x": 3})
		if x != y && x == x || (err == nil) != (again == nil) {
			t.Errorf("%v, %v, then %v, %v", x, err, y, again)
		}
	})
}

// FuzzMeter: what metering makes of a valid module is a valid module, or an error.
func FuzzMeter(f *testing.F) {
	for _, name := range []string{"busy", "deep", "start", "table", "borrow"} {
		f.Add(module(f, name))
	}
	f.Add(sum)
	rt := wazero.NewRuntimeWithConfig(f.Context(), wazero.NewRuntimeConfigInterpreter().
		WithCoreFeatures(api.CoreFeaturesV1).WithMemoryLimitPages(maxPages))
	f.Fuzz(func(t *testing.T, module []byte) {
		metered, err := meter(module, maxFuel) // whatever it is, it ends
		if err != nil || len(module) > maxModule {
			return
		}
		if c, err := rt.CompileModule(t.Context(), module); err == nil {
			require.NoError(t, c.Close(t.Context()))
			c, err := rt.CompileModule(t.Context(), metered)
			require.NoError(t, err)
			require.NoError(t, c.Close(t.Context()))
		}
	})
}

// What takes little of a module and much of an engine is refused before the engine sees it.
func TestBombs(t *testing.T) {
	header := []byte("\x00asm\x01\x00\x00\x00")
	u := func(x uint64) []byte { return binary.AppendUvarint(nil, x) }
	function := func(locals uint64) []byte {
		body := append(append([]byte{1}, u(locals)...), 0x7e, opEnd) // one group, of i64
		return append(u(uint64(len(body))), body...)
	}
	code := func(functions ...[]byte) []byte {
		types := appendSection(slices.Clone(header), secType, []byte{1, 0x60, 0, 0})
		types = appendSection(types, 3, append(u(uint64(len(functions))), make([]byte, len(functions))...))
		return appendSection(types, secCode, append(u(uint64(len(functions))), bytes.Join(functions, nil)...))
	}
	many := func(n int, locals uint64) (fs [][]byte) {
		for range n {
			fs = append(fs, function(locals))
		}
		return fs
	}
	_, err := run(t.Context(), code(many(10, maxLocals)...), 0, nil)
	require.EqualError(t, err, "the module does not export run", "it is what it would be, but for the numbers")
	for _, tc := range []struct {
		module []byte
		why    string
	}{
		{code(function(20_000_000)), "there are too many locals"},
		{code(many(maxAllLocals/maxLocals+1, maxLocals)...), "there are too many locals"},
		{code(many(maxFunctions+1, 0)...), "the module has too many functions"},
		{appendSection(header, secType, append([]byte{1, 0x60, maxParams + 1}, make([]byte, maxParams+2)...)), "a function has too many parameters"},
		{appendSection(header, secType, append([]byte{1, 0x60}, u(1<<40)...)), "the module is cut off"},
	} {
		_, err := run(t.Context(), tc.module, 0, nil)
		require.EqualError(t, err, tc.why)
	}
}
