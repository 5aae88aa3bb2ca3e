package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vatnet/vatnet/vat"
)

// request is what the owner of a directory asks of the vat in it.
type request struct {
	Do       string        // new, ls, revoke, rotate, backup, check, identities, retire
	Which    string        // revoke, rotate: id or label of a grant; retire: a vat id
	Label    string        // new
	Lifetime time.Duration // new: 0 is for ever
	Once     bool          // new
	Saves    int           // new
	Grace    time.Duration // rotate
	To       string        // backup: where, an absolute path
}

// response is the answer.
type response struct {
	Error  string      `json:",omitempty"`
	URI    string      `json:",omitempty"` // new, rotate: it is a secret
	Grants []grantInfo `json:",omitempty"` // ls

	Identities []identityInfo `json:",omitempty"` // identities
}

// grantInfo is a grant in a list.
type grantInfo struct {
	ID, Label        string
	Once             bool
	Created, Expires time.Time // Expires is zero: never
	Uses             uint64
	Used             time.Time // last; zero: never
}

// administer does what is asked. v is the vat in dir.
func administer(ctx context.Context, v *vat.Vat, dir string, q request) response {
	r, err := serveRequest(ctx, v, dir, q)
	if err != nil {
		r.Error = err.Error() // what is there of an answer stays: a sturdyref is in no other place
	}
	return r
}

func serveRequest(ctx context.Context, v *vat.Vat, dir string, q request) (r response, err error) {
	switch q.Do {
	case "new":
		g, err := v.Mint(logName, &vat.ExportConfig{Label: q.Label, Lifetime: q.Lifetime, Once: q.Once, Saves: q.Saves})
		if err != nil {
			return r, err
		}
		return response{URI: g.Sturdyref().URI()}, nil
	case "ls":
		return response{Grants: list(v)}, nil
	case "revoke":
		return r, revoke(v, dir, q.Which)
	case "rotate":
		return rotate(v, dir, q.Which, q.Grace)
	case "identities":
		return response{Identities: identities(v)}, nil
	case "retire":
		return r, retire(v, q.Which)
	case "backup":
		return r, v.Backup(ctx, q.To)
	case "check":
		return r, v.Check(ctx)
	}
	return r, fmt.Errorf("the server cannot do %q", q.Do)
}

// list returns the grants that outlive the vat.
func list(v *vat.Vat) []grantInfo {
	var infos []grantInfo
	for _, g := range lasting(v) {
		uses, used := g.Uses()
		infos = append(infos, grantInfo{
			ID: g.ID(), Label: g.Label(), Once: g.Once(), Created: g.Created(), Expires: g.Expires(), Uses: uses, Used: used,
		})
	}
	return infos
}

func lasting(v *vat.Vat) (grants []*vat.Grant) {
	for _, g := range v.Grants() {
		if g.Name() != "" {
			grants = append(grants, g)
		}
	}
	return grants
}

// find returns the grants with an id or label. The empty one is none: it is what a variable gives that is
// not set.
func find(v *vat.Vat, which string) ([]*vat.Grant, error) {
	if which == "" {
		return nil, errors.New("which grant? There is no id or label; see: vat ref ls")
	}
	var found []*vat.Grant
	for _, g := range lasting(v) {
		if g.ID() == which || g.Label() == which {
			found = append(found, g)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no grant %s; see: vat ref ls", escape(which))
	}
	return found, nil
}

// revoke revokes all grants with an id or label. With the owner's goes log.cap; the next start
// makes another.
func revoke(v *vat.Vat, dir, which string) error {
	grants, err := find(v, which)
	if err != nil {
		return err
	}
	own, err := readCap(v, dir)
	if err != nil {
		return err
	}
	for _, g := range grants {
		mine, _ := v.GrantOf(own) // before it is gone
		if err := g.Revoke(); err != nil {
			return err
		}
		if g == mine {
			if err := os.Remove(capPath(dir)); err != nil {
				return err
			}
		}
	}
	return nil
}

// rotate gives the holder of a grant a new secret. The owner's is written to log.cap.
func rotate(v *vat.Vat, dir, which string, grace time.Duration) (r response, err error) {
	grants, err := find(v, which)
	if err != nil {
		return r, err
	}
	if len(grants) > 1 {
		return r, fmt.Errorf("there are %d grants %s: say which, by its id", len(grants), escape(which))
	}
	own, err := readCap(v, dir)
	if err != nil {
		return r, err
	}
	mine, _ := v.GrantOf(own)
	fresh, err := grants[0].Rotate(grace)
	if err != nil {
		return r, err
	}
	if grants[0] == mine {
		if err = writeCap(dir, fresh.Sturdyref()); err != nil {
			err = fmt.Errorf("the old sturdyref is good no more, and the new one is not in log.cap: %w", err)
		}
	}
	return response{URI: fresh.Sturdyref().URI()}, err
}
