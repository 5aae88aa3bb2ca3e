package captp

import "slices"

// shares counts what many vats take of something that there is little of.
type shares struct {
	all int
	of  map[string]int // by vat id
}

// room reports whether vat may take one more of n in all: it must leave at least as much to others as it takes.
func (h *shares) room(vat string, n int) bool { return h.of[vat] < n-h.all }

// take has vat take one more.
func (h *shares) take(vat string) {
	if h.of == nil {
		h.of = make(map[string]int)
	}
	h.all++
	h.of[vat]++
}

// give has vat give one back.
func (h *shares) give(vat string) {
	h.all--
	if h.of[vat]--; h.of[vat] == 0 {
		delete(h.of, vat)
	}
}

// lines are handoffs that wait for one host, in a line for each donor: one donor's may be many, and are not looked through for
// who has room.
type lines []*line

type line struct {
	donor string // vat id
	wait  []*Handoff
}

// add puts h at the end of its donor's line.
func (ls *lines) add(h *Handoff) {
	for _, l := range *ls {
		if l.donor == h.donor.vat {
			l.wait = append(l.wait, h)
			return
		}
	}
	*ls = append(*ls, &line{h.donor.vat, []*Handoff{h}})
}

// next takes the first out of the first line whose donor may have its turn; nil: there is none. That line is the last then.
func (ls *lines) next(may func(donor string) bool) *Handoff {
	i := slices.IndexFunc(*ls, func(l *line) bool { return may(l.donor) })
	if i < 0 {
		return nil
	}
	l := (*ls)[i]
	*ls = slices.Delete(*ls, i, i+1)
	h := l.wait[0]
	if l.wait = l.wait[1:]; len(l.wait) > 0 {
		*ls = append(*ls, l)
	}
	return h
}

// remove takes h out, wherever it is.
func (ls *lines) remove(h *Handoff) {
	for _, l := range *ls {
		if l.donor == h.donor.vat {
			l.wait = slices.DeleteFunc(l.wait, func(x *Handoff) bool { return x == h })
		}
	}
	*ls = slices.DeleteFunc(*ls, func(l *line) bool { return len(l.wait) == 0 })
}
