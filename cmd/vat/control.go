package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vatnet/vatnet/vat"
)

// The control socket of a directory is how its owner talks to the server that runs in it: one
// request and one response, in JSON, for each connection. It is in a directory that is the owner's
// alone, and has mode 0600.
func controlPath(dir string) string { return filepath.Join(dir, "control") }

const (
	controlTime = 5 * time.Minute // for one connection: a backup may take long
	maxRequest  = 64 << 10
)

// maxSocket is how long the path of a socket may be everywhere, in bytes.
const maxSocket = 103

// dialControl connects with the server in a directory.
func dialControl(dir string) (conn net.Conn, err error) {
	err = reach(controlPath(dir), func(short string) error {
		conn, err = net.Dial("unix", short)
		return err
	})
	return conn, err
}

// reach calls f with a path of the socket at path that is not too long for one: through a link, if it has to be.
func reach(path string, f func(short string) error) (err error) {
	if len(path) <= maxSocket {
		return f(path)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "vat-")
	if err != nil {
		return fmt.Errorf("the directory's path is too long for a socket, and there is no room for a link: give it a shorter one: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	link := filepath.Join(temp, "d")
	if err := os.Symlink(dir, link); err != nil {
		return err
	}
	return f(filepath.Join(link, filepath.Base(path)))
}

// control is a control socket that is served.
type control struct {
	v      *vat.Vat
	dir    string
	ln     *net.UnixListener
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// listenControl serves the control socket of dir. Whoever has the store has the socket, too: one that
// is there already is what a crash has left.
func listenControl(v *vat.Vat, dir string) (*control, error) {
	path := controlPath(dir)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ln *net.UnixListener
	err := reach(path, func(short string) (err error) {
		ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	ln.SetUnlinkOnClose(false) // it would by the short path
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	c := &control{v: v, dir: dir, ln: ln}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.wg.Go(c.accept)
	return c, nil
}

func (c *control) accept() {
	for {
		conn, err := c.ln.Accept()
		if err != nil {
			return // it was closed
		}
		c.wg.Go(func() { c.serve(conn) })
	}
}

// serve answers a connection, and closes it, early if c is closed.
func (c *control) serve(conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(c.ctx, func() { _ = conn.Close() })()
	_ = conn.SetDeadline(time.Now().Add(controlTime)) // a socket can
	var q request
	r := response{Error: "malformed request"}
	if err := json.NewDecoder(io.LimitReader(conn, maxRequest)).Decode(&q); err == nil {
		r = administer(c.ctx, c.v, c.dir, q)
	}
	_ = json.NewEncoder(conn).Encode(r) // who does not read it knows why
}

// close ends it. c may be nil.
func (c *control) close() error {
	if c == nil {
		return nil
	}
	c.cancel()
	err := os.Remove(controlPath(c.dir))
	if errors.Is(err, fs.ErrNotExist) { // somebody else has
		err = nil
	}
	err = errors.Join(err, c.ln.Close())
	c.wg.Wait()
	return err
}

// ask asks the vat in dir: the server that runs there, or the vat itself if none does.
func ask(ctx context.Context, dir string, cfg *vat.Config, q request) (r response, err error) {
	if _, err := os.Stat(filepath.Join(dir, "store")); err != nil {
		return r, fmt.Errorf("there is no vat in %q: vat serve log --dir makes one", dir)
	}
	conn, err := dialControl(dir)
	if err == nil {
		r, err = askServer(conn, q)
	} else {
		var v *vat.Vat
		if v, err = vat.Open(dir, cfg); err != nil {
			return r, err
		}
		r = administer(ctx, v, dir, q)
		err = v.Close()
	}
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	return r, err
}

func askServer(conn net.Conn, q request) (r response, err error) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(controlTime)) // a socket can
	if err = json.NewEncoder(conn).Encode(q); err == nil {
		err = json.NewDecoder(conn).Decode(&r)
	}
	if err != nil {
		return r, fmt.Errorf("asking the server: %w", err)
	}
	return r, nil
}
