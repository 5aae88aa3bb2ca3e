package captp

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
