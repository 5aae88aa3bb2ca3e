package heap

import (
	"bytes"

	"github.com/vatnet/vatnet/vat/store"
)

// Page returns up to n entries of a bucket whose keys begin with prefix, in their order,
// the first being from or what comes after it; nil means the first of all. Fewer than n
// are the last ones. They stay as they are while the heap changes.
func (h *Heap) Page(bucket string, prefix, from []byte, n int) (page []Entry, err error) {
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	keys, changes := h.ranged(bucket, prefix)
	skip := len(bucket) + 1
	for len(keys) > 0 && keys[0][skip:] < string(from) {
		keys = keys[1:]
	}
	err = h.read(func(s store.Snapshot) error {
		c := s.Cursor(bucket)
		ok := c.Seek(from) && bytes.HasPrefix(c.Key(), prefix)
		for len(page) < n && (ok || len(keys) > 0) {
			order := 1
			if ok && len(keys) > 0 {
				order = bytes.Compare([]byte(keys[0][skip:]), c.Key())
			} else if !ok {
				order = -1
			}
			if order > 0 {
				page = append(page, Entry{bytes.Clone(c.Key()), bytes.Clone(c.Value())})
			} else {
				if x := changes[keys[0]]; !x.deleted {
					page = append(page, Entry{[]byte(keys[0][skip:]), x.value})
				}
				keys = keys[1:]
			}
			if order >= 0 {
				ok = c.Next() && bytes.HasPrefix(c.Key(), prefix)
			}
		}
		return c.Err()
	})
	return page, err
}

// Last returns the last key of a bucket that begins with prefix; nil if there is none.
func (h *Heap) Last(bucket string, prefix []byte) (key []byte, err error) {
	keys, changes := h.ranged(bucket, prefix)
	skip := len(bucket) + 1
	for len(keys) > 0 && changes[keys[len(keys)-1]].deleted {
		keys = keys[:len(keys)-1]
	}
	if len(keys) > 0 {
		key = []byte(keys[len(keys)-1][skip:])
	}
	err = h.read(func(s store.Snapshot) error {
		c := s.Cursor(bucket)
		for ok := seekEnd(c, prefix); ok && bytes.HasPrefix(c.Key(), prefix); ok = c.Prev() {
			if bytes.Compare(c.Key(), key) <= 0 {
				break
			}
			if !changes[place(bucket, c.Key())].deleted {
				key = bytes.Clone(c.Key())
				break
			}
		}
		return c.Err()
	})
	return key, err
}

// seekEnd goes to the last key that is not behind all that begin with prefix.
func seekEnd(c store.Cursor, prefix []byte) bool {
	end := bytes.Clone(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return c.Last()
	}
	end[len(end)-1]++
	if c.Seek(end) {
		return c.Prev()
	}
	return c.Err() == nil && c.Last()
}
