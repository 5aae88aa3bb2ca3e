package vat

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/internal/link"
	"github.com/vatnet/vatnet/vat/boltstore"
	"github.com/vatnet/vatnet/vat/store"
)

// RotateConfig says how a vat gets a new identity. nil and the zero value are for a key file in clear, and no grace.
type RotateConfig struct {
	// Passphrase is asked for the passphrase of the key file, if that is sealed; the new one is sealed with
	// the same.
	Passphrase func() ([]byte, error)
	// Grace is how long the vat goes on to answer to the old identity, from now on; it cannot be less than 0. 0 means not
	// at all, which is for a key that others may know: see below.
	Grace time.Duration
}

// RotateIdentity gives the vat in a directory, which nobody may have open, a new identity, and returns its id. Everything else
// stays: objects, grants, and the secrets of sturdyrefs. What was published and minted before is to be had under the
// new id, with the same swissnum.
//
// For the time of grace the vat, when it runs, answers to the old identity as well, and sturdyrefs that name it go on working.
// Who has one learns the new one by [Vat.Successor]; references that heal, and those that other vats' durable objects keep,
// do so by themselves when they are used. After that, or by [Vat.RetireFormer], the old key is removed, and
// what names the old id leads nowhere, with ErrWrongVat.
//
// Who has got hold of the old key can pose as the old identity to whoever comes to him, during the grace and after it,
// and name a successor of his own. So if that is why, give no grace, let Grant.Rotate replace secrets that were used
// since, and hand out the new sturdyrefs by another way.
//
// A crash in the midst leaves the vat with the old identity or with the new one, and the next Open puts the key file in
// order. A backup that was made before is of the old identity, with the old key.
//
// Errors: fs.ErrNotExist if there is no vat; a *store.LockedError if it runs; ErrTooManyFormers if it has been rotated
// 16 times, or answers to four old identities yet; and those of [Open].
func RotateIdentity(dir string, cfg *RotateConfig) (fresh crypto.VatID, err error) {
	if cfg == nil {
		cfg = &RotateConfig{}
	}
	if cfg.Grace < 0 {
		return fresh, errors.New("vat: RotateConfig.Grace is less than 0")
	}
	for _, name := range []string{storeName, keyName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fresh, fmt.Errorf("vat: no vat to rotate: %w", err)
		}
	}
	if err := privateDir(dir); err != nil {
		return fresh, err
	}
	s, err := boltstore.Open(filepath.Join(dir, storeName))
	if err != nil {
		return fresh, fmt.Errorf("vat: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := settleKey(dir, s); err != nil {
		return fresh, err
	}
	old, secret, err := readKey(filepath.Join(dir, keyName), cfg.Passphrase)
	if err != nil {
		return fresh, err
	}
	id, err := crypto.NewIdentity()
	if err != nil {
		return fresh, fmt.Errorf("vat: making an identity: %w", err)
	}
	b, err := succession(s, old, id, cfg.Grace)
	if err != nil {
		return fresh, err
	}
	next := filepath.Join(dir, nextKey+id.VatID().String())
	if err := crypto.WriteKeyFile(next, id, secret); err != nil {
		return fresh, fmt.Errorf("vat: key file: %w", err)
	}
	// From here on the key file that is not the store's is removed by who opens the directory next: if this fails, too.
	if err := s.Commit(b); err != nil {
		return fresh, fmt.Errorf("vat: %w", err)
	}
	return id.VatID(), settleKey(dir, s)
}

// readKey reads a key file, and returns the passphrase with which it is sealed, nil for none.
func readKey(path string, passphrase func() ([]byte, error)) (id *crypto.Identity, secret []byte, err error) {
	id, err = crypto.ReadKeyFile(path, nil)
	if errors.Is(err, crypto.ErrPassphrase) && passphrase != nil {
		if secret, err = passphrase(); err != nil {
			return nil, nil, fmt.Errorf("vat: asking for the passphrase: %w", err)
		}
		id, err = crypto.ReadKeyFile(path, secret)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("vat: key file: %w", err)
	}
	return id, secret, nil
}

// succession gives what is to be written when fresh takes the place of old.
func succession(s store.Store, old, fresh *crypto.Identity, grace time.Duration) (*store.Batch, error) {
	whose, err := ownValue(s, string(keyID))
	if err != nil {
		return nil, err
	}
	was := old.VatID()
	if whose != string(was[:]) {
		return nil, ErrOtherIdentity
	}
	formers, err := loadFormers(s, old)
	if err != nil {
		return nil, fmt.Errorf("vat: reading the former identities: %w", err)
	}
	now := time.Now()
	next := &former{id: was, since: now, until: now.Add(grace), key: old.StoreKey()}
	if grace > 0 {
		next.identity = old
	}
	formers = append(formers, next)
	b, answering := &store.Batch{}, 0
	for _, f := range formers {
		if !now.Before(f.until) {
			f.identity = nil
		}
		if f.identity != nil {
			answering++
		}
		b.Put(bucketFormer, f.id[:], f.encode(fresh))
	}
	if len(formers) > maxFormers || answering > link.MaxFormers {
		return nil, ErrTooManyFormers
	}
	is := fresh.VatID()
	b.Put(bucketVat, keyID, is[:])
	return b, nil
}

// nextKey is how the name of a key file begins that is to become that of the vat; the vat id follows.
const nextKey = keyName + "."

// settleKey ends what a rotation has left that was cut short. Who calls it has the store.
func settleKey(dir string, s store.Store) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("vat: %w", err)
	}
	for _, file := range files {
		text, ok := strings.CutPrefix(file.Name(), nextKey)
		if !ok {
			continue
		}
		id, err := crypto.ParseVatID(text)
		if err != nil {
			continue // somebody else's
		}
		whose, err := ownValue(s, string(keyID))
		if err != nil {
			return err
		}
		path := filepath.Join(dir, file.Name())
		if whose == string(id[:]) {
			err = os.Rename(path, filepath.Join(dir, keyName))
		} else {
			err = os.Remove(path)
		}
		if err != nil {
			return fmt.Errorf("vat: ending a rotation of the identity: %w", err)
		}
	}
	return nil
}
