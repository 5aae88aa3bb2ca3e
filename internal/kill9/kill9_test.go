package kill9

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/boltstore"
)

var (
	cycles = flag.Int("cycles", 200, "how often the process is killed")
	seed   = flag.Uint64("seed", 1, "of the moments")
)

// Ledger is the root of the vat that is killed. Every entry takes one from A and gives it to B.
type Ledger struct {
	vat.Durable
	Lines vat.List[string]
	Rung  vat.List[string] // alarms
	Large vat.List[[]byte]
	A, B  *Purse
}

// Purse is another object, changed in the same turns.
type Purse struct {
	vat.Durable
	Held int
}

func init() {
	vat.Register[Ledger]("ledger")
	vat.Register[Purse]("purse")
}

// Append adds an entry, and tells how many there are.
func (l *Ledger) Append(line string) int {
	l.A.Held--
	l.Lines.Append(line)
	l.B.Held++
	return l.Lines.Len()
}

// From returns the entries from the i-th on.
func (l *Ledger) From(i int) []string {
	lines := []string{}
	for ; i < l.Lines.Len(); i++ {
		lines = append(lines, l.Lines.At(i))
	}
	return lines
}

// Ring is what alarms send.
func (l *Ledger) Ring(name string) { l.Rung.Append(name) }

func (l *Ledger) Alarms() []string {
	names := []string{}
	for i := range l.Rung.Len() {
		names = append(names, l.Rung.At(i))
	}
	return names
}

// Swell has the store grow.
func (l *Ledger) Swell(bytes int) int {
	l.Large.Append(make([]byte, bytes))
	return l.Large.Len()
}

func (l *Ledger) Swollen() int { return l.Large.Len() }

func (l *Ledger) Purses() []int { return []int{l.A.Held, l.B.Held} }

// folder is where the process that is killed finds its folder.
const folder = "VATNET_KILL9_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(simulated); dir != "" {
		flag.Parse()
		if err := crashes(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(folder); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// open makes the vat in a directory, with the ledger, whose sturdyref is in a file.
func open(dir string, cfg *vat.Config) (v *vat.Vat, own sturdyref.Ref, err error) {
	if v, err = vat.Open(dir, cfg); err != nil {
		return nil, own, err
	}
	ledger, err := vat.Root(v, "ledger", func() *Ledger { return &Ledger{A: &Purse{}, B: &Purse{}} })
	if err == nil {
		err = v.Publish("ledger", ledger)
	}
	if err == nil {
		own, err = ownCap(v, filepath.Join(dir, "ledger.cap"))
	}
	if err != nil {
		return nil, own, errors.Join(err, v.Close())
	}
	return v, own, nil
}

// ownCap returns the sturdyref in a file, and makes both if they are not there.
func ownCap(v *vat.Vat, file string) (sturdyref.Ref, error) {
	sr, err := sturdyref.ReadFile(file)
	if !errors.Is(err, os.ErrNotExist) {
		return sr, err
	}
	g, err := v.Mint("ledger", nil)
	if err != nil {
		return sr, err
	}
	return g.Sturdyref(), sturdyref.WriteFile(file, g.Sturdyref())
}

// serve is the process that is killed. It prints the URI of the ledger, then that of a grant
// which it revokes, and then, that being done, another line.
func serve(dir string) error {
	v, sr, err := open(dir, &vat.Config{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		return err
	}
	fmt.Println(sr.URI())
	doomed, err := v.Mint("ledger", nil)
	if err != nil {
		return err
	}
	fmt.Println(doomed.Sturdyref().URI())
	if err := doomed.Revoke(); err != nil {
		return err
	}
	fmt.Println("revoked")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or its parent is gone
	return v.Close()
}

// victim is such a process.
type victim struct {
	cmd    *exec.Cmd
	out    *bufio.Reader
	stderr strings.Builder
}

func start(t *testing.T, dir string) *victim {
	t.Helper()
	v := &victim{cmd: exec.Command(os.Args[0])}
	v.cmd.Env = append(os.Environ(), folder+"="+dir)
	v.cmd.Stderr = &v.stderr
	_, err := v.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := v.cmd.StdoutPipe()
	require.NoError(t, err)
	v.out = bufio.NewReader(out)
	require.NoError(t, v.cmd.Start())
	return v
}

// kill kills the process, and waits for its end.
func (v *victim) kill(t *testing.T) {
	t.Helper()
	if err := v.cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(t, err)
	}
	_ = v.cmd.Wait() // it was killed
	require.Empty(t, v.stderr.String())
}

// line returns the next line that it prints.
func (v *victim) line(t *testing.T) string {
	t.Helper()
	line, err := v.out.ReadString('\n')
	if err != nil {
		_ = v.cmd.Wait() // it has ended
		require.NoError(t, err, v.stderr.String())
	}
	return strings.TrimSpace(line)
}

func TestNothingAcknowledgedIsLost(t *testing.T) {
	spec.Covers(t, "STORE-1", "KEEP-1", "DUR-2", "DUR-3")
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(*cycles)*10*time.Second)
	defer cancel()
	x := &trial{t: t, ctx: ctx, dir: filepath.Join(t.TempDir(), "vat"), rnd: rand.New(rand.NewPCG(*seed, 0)), sent: []string{}}
	for x.cycle = range *cycles {
		x.run()
		x.checkStore()
	}
	v := start(t, x.dir)
	_, done := x.look(v)
	done()
	v.kill(t)
	x.checkRevoked()
	t.Logf("killed %d times: %d entries were kept, %d of them acknowledged, %d sent ones were not; %d grants were revoked",
		*cycles, x.known, x.acked, x.lost, len(x.revoked))
}

// trial is what is known of the log.
type trial struct {
	t       *testing.T
	ctx     context.Context
	dir     string
	rnd     *rand.Rand
	cycle   int
	uri     string              // of the ledger
	revoked []string            // of all grants that were reported revoked
	known   int                 // entries that the log is known to have
	sent    []string            // since then
	got     []*vat.Promise[int] // for those
	sure    int                 // how many of those were acknowledged
	acked   int                 // ever
	lost    int                 // ever, and were not acknowledged
}

// run starts the process, looks at what it has, sends it entries, and kills it.
func (x *trial) run() {
	x.t.Helper()
	v := start(x.t, x.dir)
	if x.rnd.IntN(10) == 0 { // while it starts
		v.kill(x.t)
		return
	}
	ledger, done := x.look(v)
	defer done()
	if doomed := v.line(x.t); x.rnd.IntN(4) > 0 { // else it may be killed while it revokes
		require.Equal(x.t, "revoked", v.line(x.t))
		x.revoked = append(x.revoked, doomed)
	}
	// Any moment: while turns run, while what they changed is written, while answers are.
	soon := time.AfterFunc(time.Duration(x.rnd.Int64N(int64(20*time.Millisecond))), func() { _ = v.cmd.Process.Kill() })
	x.send(ledger)
	soon.Stop()
	v.kill(x.t)
	x.outcomes()
}

// checkStore looks for damage, if there is a store yet.
func (x *trial) checkStore() {
	x.t.Helper()
	file := filepath.Join(x.dir, "store")
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return
	}
	s, err := boltstore.Open(file)
	require.NoError(x.t, err, "cycle %d", x.cycle)
	require.NoError(x.t, s.Check(x.ctx), "cycle %d", x.cycle)
	require.NoError(x.t, s.Close())
}

// checkRevoked looks for each grant that was ever reported revoked.
func (x *trial) checkRevoked() {
	x.t.Helper()
	v, err := vat.Open(x.dir, nil)
	require.NoError(x.t, err)
	for _, uri := range x.revoked {
		sr, err := sturdyref.Parse(uri)
		require.NoError(x.t, err)
		_, err = v.GrantOf(sr)
		require.ErrorIs(x.t, err, vat.ErrNoSuchObject)
	}
	require.NoError(x.t, v.Close())
}

// look compares what the process has with what it has to have, and returns the ledger as a vat that is new
// sees it.
func (x *trial) look(v *victim) (ledger *vat.Ref, done func()) {
	x.t.Helper()
	uri := v.line(x.t)
	if x.uri == "" {
		x.uri = uri
	}
	require.True(x.t, uri == x.uri, "cycle %d: another URI", x.cycle)
	client, err := vat.New(&vat.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(x.t, err)
	enliven := func(uri string) *vat.Ref {
		sr, err := sturdyref.Parse(uri)
		require.NoError(x.t, err)
		return client.Enliven(sr)
	}
	ledger = enliven(uri)
	x.check(ledger)
	if n := len(x.revoked); n > 0 {
		require.ErrorIs(x.t, enliven(x.revoked[n-1]).Await(x.ctx), vat.ErrNoSuchObject, "cycle %d: a revoked grant lives", x.cycle)
	}
	return ledger, func() { require.NoError(x.t, client.Close()) }
}

// check compares the log with what it has to have.
func (x *trial) check(ledger *vat.Ref) {
	x.t.Helper()
	lines, err := vat.Call[[]string](x.ctx, ledger, "from", x.known)
	require.NoError(x.t, err)
	require.GreaterOrEqual(x.t, len(lines), x.sure, "cycle %d: acknowledged entries are lost", x.cycle)
	require.LessOrEqual(x.t, len(lines), len(x.sent), "cycle %d: entries that nobody sent", x.cycle)
	require.Equal(x.t, x.sent[:len(lines)], lines, "cycle %d", x.cycle)
	x.known, x.acked, x.lost = x.known+len(lines), x.acked+x.sure, x.lost+len(x.sent)-len(lines)
	x.sent, x.got, x.sure = []string{}, nil, 0
	purses, err := vat.Call[[]int](x.ctx, ledger, "purses")
	require.NoError(x.t, err)
	require.Equal(x.t, []int{-x.known, x.known}, purses, "cycle %d: half a turn was kept", x.cycle)
}

// send sends some entries, and waits for some answers.
func (x *trial) send(ledger *vat.Ref) {
	x.t.Helper()
	n := 1 + x.rnd.IntN(300)
	for i := range n {
		line := fmt.Sprintf("%d of cycle %d", i, x.cycle)
		x.sent = append(x.sent, line)
		x.got = append(x.got, vat.Send[int](ledger, "append", line))
	}
	if wait := x.rnd.IntN(n + 1); wait > 0 {
		if _, err := x.got[wait-1].Await(x.ctx); err != nil {
			require.ErrorIs(x.t, err, vat.ErrDisconnected) // killed
		}
	}
}

// outcomes looks which entries were acknowledged, now that no more will be.
func (x *trial) outcomes() {
	x.t.Helper()
	for i, p := range x.got {
		n, err := p.Await(x.ctx)
		if err != nil {
			require.ErrorIs(x.t, err, vat.ErrDisconnected)
			continue
		}
		require.Equal(x.t, x.sure, i, "cycle %d: entry %d was acknowledged, and the one before was not", x.cycle, i)
		require.Equal(x.t, x.known+i+1, n, "cycle %d: the place of entry %d", x.cycle, i)
		x.sure++
	}
}
