package kill9

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/simdisk"
	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

var (
	crashSeeds  = flag.Int("crashseeds", 12, "how many programs run on the simulated disk")
	crashImages = flag.Int("crashimages", 35, "how often the power goes in each of the three lives of such a program")
)

// simulated is where the process with the simulated disk finds its folder.
const simulated = "VATNET_CRASH_DIR"

// lives is how often a program goes on with what a crash has left.
const lives = 3

// TestPowerLoss runs the vat on a simulated disk (see internal/simdisk), beneath the whole of it: key file, store,
// names in folders. While a client and its owner use it, what they are told is noted. Then the power goes, at moments that
// chance picks, and the vat is started on what is left: everything that was told before has to be so. In some lives the disk
// refuses a write or an fsync before that. One of these images is
// what the next life begins with.
func TestPowerLoss(t *testing.T) {
	spec.Covers(t, "STORE-1", "KEEP-1", "KEEP-8", "DUR-2", "DUR-3", "DUR-4", "DUR-8")
	cmd := exec.CommandContext(t.Context(), os.Args[0], fmt.Sprint("-seed=", *seed), fmt.Sprint("-crashseeds=", *crashSeeds),
		fmt.Sprint("-crashimages=", *crashImages))
	cmd.Env = append(os.Environ(), simulated+"="+t.TempDir())
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	_, err := cmd.StdinPipe() // it ends with this process
	require.NoError(t, err)
	err = cmd.Run()
	if strings.Contains(diag.String(), unsimulated) && os.Getenv("CI") != "true" {
		t.Skip(diag.String())
	}
	require.NoError(t, err, "%s", diag.String())
	t.Log(out.String())
}

// unsimulated is what is said where there can be no simulated disk.
const unsimulated = "this machine lets no disk be simulated"

// crashes is the process with the simulated disk.
func crashes(dir string) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until its parent is gone
		os.Exit(1)
	}()
	r, err := simdisk.Record(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", unsimulated, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(*crashSeeds)*30*time.Second)
	defer cancel()
	if err := noRoom(r, filepath.Join(dir, "noroom")); err != nil {
		return err
	}
	var total tally
	for s := range uint64(*crashSeeds) {
		p := &program{ctx: ctx, disk: r, seed: *seed + s, rnd: rand.New(rand.NewPCG(*seed+s, 1)), dir: filepath.Join(dir, fmt.Sprint(s)),
			known: known{alive: map[string]sturdyref.Ref{}}, refused: map[string]bool{}}
		if err := p.live(); err != nil {
			return fmt.Errorf("-seed %d -crashseeds 1: %w", p.seed, err)
		}
		if err := os.RemoveAll(p.dir); err != nil {
			return err
		}
		total.add(p.tally)
	}
	if total.lies >= 10 && (2*total.noticed < total.lies || total.lostNames == 0) {
		return fmt.Errorf("a disk that lies was noticed %d and %d times of %d: these tests see nothing", total.noticed, total.lostNames, total.lies)
	}
	if *crashSeeds >= 10 && min(total.entries, total.minted, total.ended, total.alarms, total.faults) == 0 {
		return fmt.Errorf("something was never tried: %+v", total)
	}
	fmt.Printf("the power went %d times in %d programs, at any of %d steps: %d entries, %d grants minted, %d ended, %d alarms set; "+
		"%d disks failed, and refused %d entries; %d of %d disks that forgot files were noticed, and %d of %d that forgot names",
		total.images, *crashSeeds, total.steps, total.entries, total.minted, total.ended, total.alarms,
		total.faults, total.refused, total.noticed, total.lies, total.lostNames, total.lies)
	return nil
}

// noRoom has no room be left at one or the other fsync of a commit. Before the front page is written nothing has happened; once
// it is, nobody knows.
func noRoom(r *simdisk.Recorder, path string) error {
	for at, changed := range []bool{false, true} {
		s, err := boltstore.Open(fmt.Sprint(path, at))
		if err != nil {
			return err
		}
		commit := func(value string) error {
			var b store.Batch
			b.Put("bucket", []byte("key"), []byte(value))
			return s.Commit(&b)
		}
		err = commit("before") // the file grows
		left := at
		r.Refuse(func(s simdisk.Step) syscall.Errno {
			if s.Call != "fsync" {
				return 0
			}
			if left--; left == -1 {
				return syscall.ENOSPC
			}
			return 0
		})
		refused := commit("then")
		r.Refuse(nil)
		again := commit("later")
		if err = errors.Join(err, s.Close()); err != nil {
			return err
		}
		if refused == nil || errors.Is(refused, store.ErrFull) == changed || errors.Is(again, store.ErrFailed) != changed {
			return fmt.Errorf("no room at fsync %d of a commit: %v, and then: %v", at, refused, again)
		}
	}
	return nil
}

// tally counts what was tried.
type tally struct{ images, steps, entries, minted, ended, alarms, lies, noticed, lostNames, faults, refused int }

func (t *tally) add(o tally) {
	t.images, t.steps, t.entries = t.images+o.images, t.steps+o.steps, t.entries+o.entries
	t.minted, t.ended, t.alarms = t.minted+o.minted, t.ended+o.ended, t.alarms+o.alarms
	t.faults, t.refused = t.faults+o.faults, t.refused+o.refused
	t.lies, t.noticed, t.lostNames = t.lies+o.lies, t.noticed+o.noticed, t.lostNames+o.lostNames
}

// live runs the program, and has its power go, life after life.
func (p *program) live() error {
	disk := filepath.Join(p.dir, "first")
	if err := errors.Join(os.Mkdir(p.dir, 0o700), os.Mkdir(disk, 0o700)); err != nil {
		return err
	}
	for life := range lives {
		if err := p.disk.Restart(disk); err != nil {
			return err
		}
		begin, err := p.disk.Log()
		if err == nil {
			err = p.run(filepath.Join(disk, "vat"))
		}
		if err != nil {
			return fmt.Errorf("life %d: %w", life, err)
		}
		log, err := p.disk.Log()
		if err != nil {
			return err
		}
		if disk, err = p.crash(log, begin.Len(), filepath.Join(p.dir, fmt.Sprint("left", life))); err != nil {
			return fmt.Errorf("life %d: %w", life, err)
		}
	}
	return nil
}

// crash has the power go, and looks at what is left, below dir. It returns the last of these disks, with which
// the program goes on.
func (p *program) crash(log *simdisk.Log, begin int, dir string) (last string, err error) {
	p.tally.steps += log.Len() - begin
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	known := p.known
	for i := range *crashImages {
		if last != "" {
			if err := os.RemoveAll(last); err != nil {
				return "", err
			}
		}
		last = filepath.Join(dir, fmt.Sprint(i))
		n := begin + p.rnd.IntN(log.Len()-begin+1)
		p.known = known.learn(p.events, log.Marks(n))
		p.tally.images++
		if err := p.image(log, n, last); err != nil {
			return "", fmt.Errorf("image %d, a crash after step %d: %w", i, n, err)
		}
	}
	if raced { // bbolt reads pages that a lying disk has made of anything; then the race detector's checks of pointers end the process
		return last, nil
	}
	was := p.known
	lies := []*simdisk.Log{log.Lying(true, false), log.Lying(false, true)}
	for i, noticed := range []*int{&p.tally.noticed, &p.tally.lostNames} {
		p.known = known.learn(p.events, log.Marks(log.Len()))
		path := filepath.Join(dir, "lie")
		if p.image(lies[i], log.Len(), path) != nil {
			*noticed++
		}
		if err := os.RemoveAll(path); err != nil {
			return "", err
		}
	}
	p.known = was
	p.tally.lies++
	return last, nil
}

// image has the power go after n steps, and looks at what is left, in dir.
func (p *program) image(log *simdisk.Log, n int, dir string) error {
	if err := log.Crash(n, p.rnd).Write(dir); err != nil {
		return err
	}
	return p.look(filepath.Join(dir, "vat"))
}
