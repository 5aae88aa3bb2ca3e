package vat_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/store"
)

// slowStore is a store whose Commits wait to be let through.
type slowStore struct {
	store.Store
	mu      sync.Mutex
	commits int
	ops     int             // changes in the last batch
	size    int             // … and its bytes
	waiting chan chan error // nil: they do not wait
	behind  bool            // they wait with what they have done
}

func (s *slowStore) Commit(b *store.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	s.mu.Lock()
	waiting, behind := s.waiting, s.behind
	s.commits++
	s.ops, s.size = b.Len(), b.Size()
	s.mu.Unlock()
	if behind {
		if err := s.Store.Commit(b); err != nil {
			return err
		}
	}
	if waiting != nil {
		answer := make(chan error)
		waiting <- answer
		if err := <-answer; err != nil {
			return err
		}
	}
	if behind {
		return nil
	}
	return s.Store.Commit(b)
}

// stall has the Commits from now on wait for the channel that it returns.
func (s *slowStore) stall() chan chan error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting, s.commits = make(chan chan error), 0
	return s.waiting
}

// unstall ends that for those to come.
func (s *slowStore) unstall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = nil
}

// flow ends that, and lets through what waits.
func (s *slowStore) flow() {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	synctest.Wait()
	select {
	case answer := <-waiting:
		answer <- nil
	default:
	}
}

// onSlowDisk runs a test with a root in a durable vat, as another vat sees it, and as the vat
// itself does.
func onSlowDisk(t *testing.T, body func(t *testing.T, x *slowWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := &slowWorld{disk: newDisk(t), slow: &slowStore{}, book: &logbook{}}
		v, end := x.disk.start(&vat.Config{Store: x.slow, Logger: x.book.logger()})
		defer end()
		defer x.slow.flow()
		x.v, x.near = v, page(t, v)
		x.other = x.disk.net.Vat(t, "other", quiet())
		sr, err := v.Export(x.near, nil)
		require.NoError(t, err)
		x.far = x.other.Enliven(sr)
		require.Equal(t, "first", call[string](t, x.far, "named"))
		body(t, x)
	})
}

type slowWorld struct {
	disk      *disk
	slow      *slowStore
	book      *logbook
	v, other  *vat.Vat
	near, far *vat.Ref
	listens   sturdyref.Ref // leads to the last listener
}

// listener is a Recorder of another vat's, as the durable one sees it, and as its own does.
func (x *slowWorld) listener(t *testing.T) (there, own *vat.Ref) {
	t.Helper()
	own, err := x.other.Ref(&Recorder{})
	require.NoError(t, err)
	sr, err := x.other.Export(own, nil)
	require.NoError(t, err)
	x.listens = sr
	there = x.v.Enliven(sr)
	require.NoError(t, there.Await(t.Context()))
	return there, own
}

// A turn's sends and results are seen by nobody before what it has changed is committed,
// and turns that wait at the same time are committed together.
func TestEffectsWaitForTheCommit(t *testing.T) {
	spec.Covers(t, "KEEP-1", "KEEP-2")
	onSlowDisk(t, func(t *testing.T, x *slowWorld) {
		there, own := x.listener(t)
		here := &Recorder{}
		near, err := x.v.Ref(here)
		require.NoError(t, err)

		commits := x.slow.stall()
		first := vat.Send[int](x.near, "tell", "x", there, near)
		commit := <-commits
		rest := []*vat.Promise[int]{vat.Send[int](x.near, "write", "y"), vat.Send[int](x.far, "write", "z")}
		pass(time.Second)
		read := vat.Send[[]string](x.near, "read")
		synctest.Wait()
		require.Empty(t, call[string](t, own, "join"), "a message left before the commit")
		_, err = first.Await(ended())
		require.ErrorIs(t, err, context.Canceled, "the caller was told before the commit")
		commit <- nil
		require.Equal(t, 1, await(t, first))
		synctest.Wait()
		require.Equal(t, "x", call[string](t, own, "join"))
		(<-commits) <- nil
		require.Equal(t, 2, await(t, rest[0]))
		require.Equal(t, 3, await(t, rest[1]))
		require.Equal(t, []string{"x", "y", "z"}, await(t, read))
		require.Equal(t, 2, x.slow.commits, "of three turns that have written")
		require.Equal(t, "x", call[string](t, near, "join"))
	})
}

// ended is a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// A turn that comes to grief has never been.
func TestUndoneTurnsLeaveNoTrace(t *testing.T) {
	spec.Covers(t, "KEEP-3")
	for _, how := range []string{"panic", "exit", "kept"} {
		t.Run(how, func(t *testing.T) {
			onSlowDisk(t, func(t *testing.T, x *slowWorld) {
				_, own := x.listener(t)
				require.Equal(t, 1, call[int](t, x.far, "write", "a"))
				require.ErrorIs(t, failure(t, x.far.Send("writeAndFail", how, own)), vat.ErrInternal)
				require.Equal(t, []string{"a"}, call[[]string](t, x.far, "read"))
				require.Equal(t, "first", call[string](t, x.far, "named"))
				require.Empty(t, call[string](t, own, "join"))
				plain, err := x.v.Ref(&Recorder{})
				require.NoError(t, err)
				require.ErrorIs(t, failure(t, x.near.Send("writeAndFail", how, plain)), vat.ErrInternal)
				require.Empty(t, call[string](t, plain, "join"))
				require.Equal(t, 2, call[int](t, x.near, "write", "b"))
			})
		})
	}
}

// That a method returns an error does not undo its turn.
func TestFailuresAreAnswers(t *testing.T) {
	onSlowDisk(t, func(t *testing.T, x *slowWorld) {
		_, own := x.listener(t)
		require.ErrorContains(t, failure(t, x.far.Send("writeAndFail", "error", own)), "as anybody may")
		require.Equal(t, []string{"never"}, call[[]string](t, x.far, "read"))
		require.Equal(t, "never", call[string](t, own, "join"))
	})
}

// Shutdown waits for what is to be committed, and for those who are then told.
func TestShutdownWaitsForTheCommit(t *testing.T) {
	onSlowDisk(t, func(t *testing.T, x *slowWorld) {
		commits := x.slow.stall()
		wrote := vat.Send[int](x.far, "write", "a")
		commit := <-commits
		down := make(chan error, 1)
		go func() { down <- x.v.Shutdown(t.Context()) }()
		synctest.Wait()
		require.Empty(t, down)
		x.slow.unstall()
		commit <- nil
		require.Equal(t, 1, await(t, wrote))
		require.NoError(t, <-down)
	})
}

// What a turn has changed that ran before Close is kept.
func TestCloseCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		slow := &slowStore{}
		v, end := d.start(&vat.Config{Store: slow})
		p := page(t, v)
		commits := slow.stall()
		vat.Send[int](p, "write", "a")
		commit := <-commits
		vat.Send[int](p, "write", "b")
		synctest.Wait()
		closed := make(chan struct{})
		go func() {
			end()
			close(closed)
		}()
		synctest.Wait()
		slow.unstall()
		commit <- nil
		<-closed
		v, end = d.start(nil)
		defer end()
		require.Equal(t, []string{"a", "b"}, call[[]string](t, page(t, v), "read"))
	})
}

// When the disk fails nothing is acknowledged any more; what was is there when the vat is opened again.
func TestFailingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		book := &logbook{}
		v, end := d.start(&vat.Config{Logger: book.logger()})
		defer func() { end() }()
		c := cabinet(t, v)
		call[any](t, c, "do", "append x")
		d.Refuse(errors.New("sector 7 is gone"))
		require.ErrorIs(t, failure(t, c.Send("do", "append y")), vat.ErrStoreFailed, "it may be there, for all that is known")
		for range 2 {
			require.ErrorIs(t, failure(t, c.Send("do", "append z")), vat.ErrNotStored)
			_, err := vat.Root(v, "another", func() *Page { return &Page{} })
			require.ErrorIs(t, err, vat.ErrNotStored)
		}
		synctest.Wait() // the log is written behind the answers
		require.Contains(t, book.String(), "sector 7 is gone")
		end()
		d.Refuse(nil)
		v, end = d.start(nil)
		require.Equal(t, []string{"a", "b", "x"}, call[[]string](t, cabinet(t, v), "titles"))
	})
}

// When the store refuses a batch, all that were in it are undone, and those that came behind.
func TestRefusedBatches(t *testing.T) {
	spec.Covers(t, "KEEP-4")
	onSlowDisk(t, func(t *testing.T, x *slowWorld) {
		there, own := x.listener(t)
		require.Equal(t, 1, call[int](t, x.far, "write", "a"))
		commits := x.slow.stall()
		lost := []*vat.Promise[int]{vat.Send[int](x.near, "tell", "b", there)}
		commit := <-commits
		lost = append(lost, vat.Send[int](x.near, "write", "c"), vat.Send[int](x.far, "write", "d"))
		read := vat.Send[[]string](x.near, "read")
		synctest.Wait()
		commit <- store.ErrFull
		for _, p := range lost {
			require.ErrorIs(t, failure(t, p), vat.ErrNotStored)
		}
		require.ErrorIs(t, failure(t, read), vat.ErrNotStored, "it has seen what is not so")
		require.Equal(t, []string{"a"}, call[[]string](t, x.near, "read"))
		require.Empty(t, call[string](t, own, "join"))
		again := vat.Send[int](x.far, "write", "b")
		(<-commits) <- nil
		require.Equal(t, 2, await(t, again))
		synctest.Wait() // the log is written behind the answers
		require.Contains(t, x.book.String(), "no space left on the disk")
	})
}
