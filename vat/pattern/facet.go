package pattern

import (
	"slices"

	"github.com/vatnet/vatnet/vat"
)

// Facet is an object that stands for another one, but with some of its verbs only.
type Facet struct {
	vat.Object
	target vat.Target
	verbs  []string
}

// NewFacet makes a facet of target, which passes on these verbs. It has no others, and describes
// itself so. What the verbs return is passed on as it is.
func NewFacet(target vat.Target, verbs ...string) *Facet {
	return &Facet{target: target, verbs: slices.Clone(verbs)}
}

// Unmatched passes on what is allowed.
func (f *Facet) Unmatched(m *vat.Message) (any, error) {
	switch verb := m.Verb(); {
	case slices.Contains(f.verbs, verb):
		return m.Forward(f.target), nil
	case verb == "__describe":
		return vat.When(vat.Send[*vat.Description](f.target, verb), f.describe), nil
	}
	return nil, vat.ErrNoSuchVerb
}

// describe leaves of target's description what is the facet's.
func (f *Facet) describe(d *vat.Description) (*vat.Description, error) {
	if d != nil {
		d.Verbs = slices.DeleteFunc(d.Verbs, func(v vat.VerbDescription) bool { return !slices.Contains(f.verbs, v.Name) })
	}
	return d, nil
}
