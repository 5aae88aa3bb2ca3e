package vat

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/durably"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

// The files of a vat's directory.
const (
	keyName   = "key"
	storeName = "store"
)

// Open makes a vat that is the same one each time: its identity, its grants and its durable objects
// are in a directory, which Open makes (with mode 0700) if there is none. In it are the file key, see
// [crypto.WriteKeyFile], and the file store; one vat at a time has them.
//
// cfg may be nil; its Identity and Store are not to be set. A port 0 in Listen is chosen the first
// time, and stays the vat's. With no Listen the vat advertises what it did when it listened last, so
// that who only keeps the grants of a vat can mint.
//
// On a disk that is full a vat that is there already opens; what cannot be kept is refused with ErrNotStored until there is
// room again.
//
// Errors, besides those of New: a *store.LockedError if the vat runs already, which names the process;
// crypto.ErrPassphrase; ErrOtherIdentity if key and store are of two vats; ErrOpenDir if others than
// its owner can get into the directory; fs.ErrNotExist if there is a store without its key, which only
// a backup can bring back.
func Open(dir string, cfg *Config) (*Vat, error) {
	var c Config
	if cfg != nil {
		c = *cfg
	}
	if c.Identity != nil || c.Store != nil {
		return nil, errors.New("vat: Open takes Identity and Store from the directory; leave them nil")
	}
	dir, err := filepath.Abs(dir) // it stays the same if the process goes elsewhere
	if err != nil {
		return nil, fmt.Errorf("vat: %w", err)
	}
	if err := privateDir(dir); err != nil {
		return nil, err
	}
	s, err := boltstore.Open(filepath.Join(dir, storeName))
	if err != nil {
		return nil, fmt.Errorf("vat: %w", err)
	}
	c.Store = s
	if err := settleKey(dir, s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if c.Identity, err = keyOf(dir, c.Passphrase, s); err == nil {
		err = recall(s, &c)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	v, err := New(&c)
	if err != nil {
		return nil, err
	}
	v.dir = dir
	if err := v.remember(s, c.Listen); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// privateDir makes a directory, or looks whether it is its owner's alone.
func privateDir(dir string) error {
	if err := durably.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("vat: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("vat: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%w: %q has mode %#o; run chmod 700 on it", ErrOpenDir, dir, info.Mode().Perm())
	}
	return nil
}

// keyOf returns the identity in a directory, and makes one if neither it nor the store has any.
func keyOf(dir string, passphrase func() ([]byte, error), s store.Store) (*crypto.Identity, error) {
	path := filepath.Join(dir, keyName)
	id, err := crypto.ReadKeyFile(path, nil)
	if err == nil {
		return id, nil
	}
	fresh := errors.Is(err, fs.ErrNotExist)
	if !fresh && !errors.Is(err, crypto.ErrPassphrase) {
		return nil, fmt.Errorf("vat: reading the key file: %w", err)
	}
	if fresh {
		whose, err := ownValue(s, string(keyID))
		if err != nil {
			return nil, err
		}
		if whose != "" {
			return nil, fmt.Errorf("vat: the store in %q has lost its key file: %w", dir, fs.ErrNotExist)
		}
	}
	var secret []byte
	if passphrase != nil {
		if secret, err = passphrase(); err != nil {
			return nil, fmt.Errorf("vat: asking for the passphrase: %w", err)
		}
	}
	if !fresh {
		id, err = crypto.ReadKeyFile(path, secret)
	} else if id, err = crypto.NewIdentity(); err == nil {
		err = crypto.WriteKeyFile(path, id, secret)
	}
	if err != nil {
		return nil, fmt.Errorf("vat: key file: %w", err)
	}
	return id, nil
}

// ownValue returns what the store knows of the vat itself; empty if it does not know.
func ownValue(s store.Store, key string) (string, error) {
	shot, err := s.Snapshot()
	if err != nil {
		return "", fmt.Errorf("vat: %w", err)
	}
	value, err := shot.Get(bucketVat, []byte(key))
	text := string(value) // before the snapshot is closed
	if err = errors.Join(err, shot.Close()); err != nil {
		return "", fmt.Errorf("vat: %w", err)
	}
	return text, nil
}

// keyLocations is the key of what was advertised last, a line for each location.
const keyLocations = "locations"

// keyPort is the key of the port that was chosen for the i-th address to listen on.
func keyPort(i int, addr string) string { return fmt.Sprintf("port %d %s", i, addr) }

// anyPort returns the host of an address whose port is to be chosen.
func anyPort(addr string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(addr)
	return host, err == nil && port == "0"
}

// recall has cfg say where the vat was to be found before.
func recall(s store.Store, cfg *Config) error {
	if len(cfg.Listen) == 0 && len(cfg.Advertise) == 0 {
		text, err := ownValue(s, keyLocations)
		cfg.Advertise = strings.Fields(text)
		return err
	}
	listen := make([]string, 0, len(cfg.Listen))
	for i, addr := range cfg.Listen {
		if host, ok := anyPort(addr); ok {
			port, err := ownValue(s, keyPort(i, addr))
			if err != nil {
				return err
			}
			if port != "" {
				addr = net.JoinHostPort(host, port)
			}
		}
		listen = append(listen, addr)
	}
	cfg.Listen = listen
	return nil
}

// remember stores where the vat is to be found, if that is new; listen is where it was asked to listen.
func (v *Vat) remember(s store.Store, listen []string) error {
	if len(listen) == 0 {
		return nil
	}
	known := map[string]string{keyLocations: strings.Join(v.Locations(), "\n")}
	for i, at := range v.links.Listening() {
		if _, ok := anyPort(listen[i]); ok {
			_, port, _ := net.SplitHostPort(at) // it comes from a listener
			known[keyPort(i, listen[i])] = port
		}
	}
	var b store.Batch
	ports := false
	for key, value := range known {
		before, err := ownValue(s, key)
		if err != nil {
			return err
		}
		if before != value {
			b.Put(bucketVat, []byte(key), []byte(value))
			ports = ports || key != keyLocations
		}
	}
	err := s.Commit(&b)
	if errors.Is(err, store.ErrFull) && !ports { // what is there can be read, and the next start comes to it
		v.core.log.Warn("vat: the locations were not stored", "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("vat: %w", err)
	}
	return nil
}

// Backup makes a directory to, which must not exist yet, from which Open makes the same vat as it is
// now: with copies of the key file and of the store. The vat goes on meanwhile. Only one of the two may
// ever be used from then on: the copy is for when the original is lost, and it knows nothing of what
// happened since, revocations included. Close ends it. Errors: ErrNoStore if the vat was not made by Open;
// ErrClosed; fs.ErrExist; or an error of the file system.
func (v *Vat) Backup(ctx context.Context, to string) (err error) {
	if v.dir == "" {
		return ErrNoStore
	}
	ctx, done, err := v.atWork(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := os.Mkdir(to, 0o700); err != nil {
		return fmt.Errorf("vat: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("vat: %w", err), os.RemoveAll(to))
		}
	}()
	key, err := os.ReadFile(filepath.Join(v.dir, keyName))
	if err == nil {
		err = writeFile(filepath.Join(to, keyName), func(f *os.File) error {
			_, err := f.Write(key)
			return err
		})
	}
	if err == nil {
		err = writeFile(filepath.Join(to, storeName), func(f *os.File) error { return v.core.dur.store.Backup(ctx, f) })
	}
	for _, dir := range []string{to, filepath.Dir(to)} {
		if err == nil {
			err = durably.Sync(dir)
		}
	}
	return err
}

// Check reads everything in the vat's store, and reports what is damaged: the error wraps store.ErrDamaged. The vat goes on
// meanwhile, but what turns change may have to wait until it is done. Close ends it. Other errors: ErrNoStore, ErrClosed, and
// that of ctx.
func (v *Vat) Check(ctx context.Context) error {
	if v.core.dur == nil {
		return ErrNoStore
	}
	ctx, done, err := v.atWork(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := v.core.dur.store.Check(ctx); err != nil {
		return fmt.Errorf("vat: %w", err)
	}
	return nil
}

// atWork is the begin of something that Close ends and waits for; done is the end of it.
func (v *Vat) atWork(parent context.Context) (ctx context.Context, done func(), err error) {
	c := v.core
	c.lock()
	defer c.unlock()
	if c.refused != nil {
		return nil, nil, c.refused
	}
	v.goroutines.Add(1) // Close waits for it
	ctx, cancel := context.WithCancel(parent)
	stop := context.AfterFunc(v.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
		v.goroutines.Done()
	}, nil
}

// writeFile makes a file of mode 0600 that is on the disk when it returns.
func writeFile(path string, fill func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Sync(), f.Close())
}
