package store

// Batch is a list of changes that are to happen together. The zero value is an empty one.
// It is for one goroutine at a time.
type Batch struct {
	ops  []Op
	size int
}

// Op is one change.
type Op struct {
	Bucket string
	Key    []byte
	Value  []byte // what Key is to have; not nil, if it is not Delete
	Delete bool   // Key is to go
}

// Put gives a key a value; the bucket comes to be if it does not exist. Key and value are
// the batch's from now on, and must not be changed.
func (b *Batch) Put(bucket string, key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	b.add(Op{Bucket: bucket, Key: key, Value: value})
}

// Delete takes a key away, if it is there. The key is the batch's from now on.
func (b *Batch) Delete(bucket string, key []byte) {
	b.add(Op{Bucket: bucket, Key: key, Delete: true})
}

// Append adds the changes of another batch, after its own. The other stays as it is.
func (b *Batch) Append(other *Batch) {
	b.ops = append(b.ops, other.ops...)
	b.size += other.size
}

func (b *Batch) add(op Op) {
	b.ops = append(b.ops, op)
	b.size += len(op.Bucket) + len(op.Key) + len(op.Value)
}

// Ops returns the changes in the order in which they are to happen: of two to one key the
// later one counts. The list is the batch's.
func (b *Batch) Ops() []Op { return b.ops }

// Len returns how many changes there are.
func (b *Batch) Len() int { return len(b.ops) }

// Size returns how many bytes names, keys and values have together.
func (b *Batch) Size() int { return b.size }

// Reset empties the batch, to be filled again.
func (b *Batch) Reset() {
	clear(b.ops)
	b.ops, b.size = b.ops[:0], 0
}

// Valid returns ErrName or ErrTooLarge if there is a change that no store takes. Backends
// ask it in Commit.
func (b *Batch) Valid() error {
	for _, op := range b.ops {
		switch {
		case op.Bucket == "" || op.Bucket[0] == 0 || len(op.Bucket) > MaxBucket || len(op.Key) == 0:
			return ErrName
		case len(op.Key) > MaxKey || len(op.Value) > MaxValue:
			return ErrTooLarge
		}
	}
	return nil
}
