package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/vatnet/vatnet/internal/durably"
	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// logName is the name of the log in its vat, and the label of the sturdyref in log.cap.
const logName = "log"

// capPath is the file in a directory that holds the owner's sturdyref. The store has none, so that
// it is the only place where it is.
func capPath(dir string) string { return filepath.Join(dir, logName+".cap") }

// ownCap returns the owner's sturdyref, with the identity and the locations that the vat has now. If the file is lost, or
// what is in it was revoked or has expired, a new one is minted.
func ownCap(v *vat.Vat, dir string) (sturdyref.Ref, error) {
	sr, err := readCap(v, dir)
	if err != nil {
		return sr, err
	}
	if !sr.IsZero() {
		if sr.Vat() == v.ID() && slices.Equal(sr.Locations(), v.Locations()) {
			return sr, nil
		}
		if sr, err = sturdyref.New(v.ID(), v.Locations(), sr.Swissnum()); err != nil {
			return sr, err
		}
		return sr, writeCap(dir, sr)
	}
	g, err := v.Mint(logName, &vat.ExportConfig{Label: logName + ".cap"})
	if err != nil {
		return sr, err
	}
	return g.Sturdyref(), writeCap(dir, g.Sturdyref())
}

// readCap returns the owner's sturdyref; zero if there is none, or none any more.
func readCap(v *vat.Vat, dir string) (sturdyref.Ref, error) {
	sr, err := sturdyref.ReadFile(capPath(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return sturdyref.Ref{}, err // open to others, perhaps: its owner has to know
	}
	if _, err := v.GrantOf(sr); err != nil {
		return sturdyref.Ref{}, nil
	}
	return sr, nil
}

// writeCap replaces the owner's sturdyref.
func writeCap(dir string, sr sturdyref.Ref) error {
	temp := capPath(dir) + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) { // a crash left it
		return err
	}
	if err := sturdyref.WriteFile(temp, sr); err != nil {
		return err
	}
	if err := durably.Rename(temp, capPath(dir)); err != nil {
		return fmt.Errorf("%s.cap: %w", logName, err)
	}
	return nil
}
