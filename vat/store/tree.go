package store

import (
	"bytes"
	"hash/maphash"
)

// tree is an ordered map that never changes: put and del make another one, which shares
// all but the way to the key. nil is the empty one. It is a treap: a search tree by key,
// and a heap by what a hash makes of the key, which keeps it flat.
type tree struct {
	key, value  []byte
	weight      uint64
	left, right *tree
}

var weights = maphash.MakeSeed()

func (t *tree) get(key []byte) []byte {
	for t != nil {
		switch c := bytes.Compare(key, t.key); {
		case c == 0:
			return t.value
		case c < 0:
			t = t.left
		default:
			t = t.right
		}
	}
	return nil
}

func (t *tree) put(key, value []byte) *tree {
	less, more := t.split(key)
	return join(join(less, &tree{key: key, value: value, weight: maphash.Bytes(weights, key)}), more)
}

func (t *tree) del(key []byte) *tree {
	if t.get(key) == nil {
		return t
	}
	return join(t.split(key))
}

// split returns what is before key and what is after it.
func (t *tree) split(key []byte) (less, more *tree) {
	if t == nil {
		return nil, nil
	}
	n := *t
	switch c := bytes.Compare(key, t.key); {
	case c == 0:
		return t.left, t.right
	case c < 0:
		less, n.left = t.left.split(key)
		return less, &n
	default:
		n.right, more = t.right.split(key)
		return &n, more
	}
}

// join returns all of two trees; every key of the one is before every key of the other.
func join(less, more *tree) *tree {
	switch {
	case less == nil:
		return more
	case more == nil:
		return less
	case less.weight > more.weight:
		n := *less
		n.right = join(less.right, more)
		return &n
	default:
		n := *more
		n.left = join(less, more.left)
		return &n
	}
}

// from returns the first node whose key is key or comes after it; with after, only after.
func (t *tree) from(key []byte, after bool) (found *tree) {
	for t != nil {
		if c := bytes.Compare(key, t.key); c < 0 || c == 0 && !after {
			found, t = t, t.left
		} else {
			t = t.right
		}
	}
	return found
}

// before returns the last node whose key comes before key; nil means the last of all.
func (t *tree) before(key []byte) (found *tree) {
	for t != nil {
		if key == nil || bytes.Compare(t.key, key) < 0 {
			found, t = t, t.right
		} else {
			t = t.left
		}
	}
	return found
}
