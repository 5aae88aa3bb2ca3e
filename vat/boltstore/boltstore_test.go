package boltstore_test

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/vatnet/vatnet/spec"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
	"github.com/vatnet/vatnet/vat/store/storetest"
)

// file is a store in a file.
type file string

func (f file) Open() (store.Store, error) { return boltstore.Open(string(f)) }
func (f file) Restore(r io.Reader) error  { return boltstore.Restore(string(f), r) }
func fresh(t *testing.T) storetest.Place  { return file(filepath.Join(t.TempDir(), "store")) }

func TestStore(t *testing.T) {
	spec.Covers(t, "STORE-1", "STORE-2")
	storetest.Run(t, fresh)
}
