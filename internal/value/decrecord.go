package value

import (
	"reflect"

	"github.com/vatnet/vatnet/internal/capn"
)

// recordParts resolves names and values of q, a record or records.
func recordParts(q capn.Ptr) (names, values capn.Ptr, err error) {
	rec, err := structContent(q)
	if err != nil {
		return
	}
	if names, err = rec.Field(0); err != nil {
		return
	}
	if !names.IsNull() && (!names.IsList() || names.DataBytes() != 0 || names.Len() > 0 && names.Ptrs() != 1) {
		return names, values, errMalformed
	}
	if values, err = rec.Field(1); err != nil {
		return
	}
	values, err = valueList(values)
	return
}

// name returns the i-th name. It aliases the message.
func name(names capn.Ptr, i int) ([]byte, error) {
	q, err := names.ElemPtr(i)
	if err != nil {
		return nil, err
	}
	return textBytes(q)
}

func errTwice(name []byte) error {
	return &ReceiveError{Path: "." + quoted(name), Err: errTwoFields}
}

// match appends to d.fields, for each name, the index of its field in fs, or -1.
func (d *Decoder) match(fs *fields, names capn.Ptr) error {
	start := len(d.fields)
	var seen [4]uint64
	for i := range names.Len() {
		b, err := name(names, i)
		if err != nil {
			return err
		}
		f := fs.find(b, i)
		if f >= 0 {
			twice := false
			if f < 64*len(seen) {
				bit := uint64(1) << (f % 64)
				twice = seen[f/64]&bit != 0
				seen[f/64] |= bit
			} else {
				for _, g := range d.fields[start:] {
					twice = twice || f == g
				}
			}
			if twice {
				return errTwice(b)
			}
		}
		d.fields = append(d.fields, f)
	}
	return nil
}

// row decodes one record, whose fields were matched at mark, into the struct v.
func (d *Decoder) row(pl *plan, mark int, values capn.Ptr, from, k int, v reflect.Value) error {
	v.SetZero()
	for i := range k {
		at := d.fields[mark+i]
		if at < 0 {
			continue
		}
		f := &pl.fields.list[at]
		q := values.Elem(from + i)
		if KindOf(q) == Null {
			continue // the same as missing
		}
		if err := d.decode(f.plan, q, f.of(v)); err != nil {
			return receiveAt(err, "."+f.goName)
		}
	}
	return nil
}

func (p *plan) decStruct(d *Decoder, q capn.Ptr, v reflect.Value) error {
	switch k := KindOf(q); k {
	case RecordKind:
	case Null:
		if len(p.fields.list) == 0 { // the result of a verb that returns nothing
			v.SetZero()
			return nil
		}
		return wanted(k, p.typ.String())
	default:
		return wanted(k, p.typ.String())
	}
	if err := d.enter(1); err != nil {
		return err
	}
	defer d.leave(1)
	names, values, err := recordParts(q)
	if err != nil {
		return err
	}
	if names.Len() != values.Len() {
		return errMalformed
	}
	mark := len(d.fields)
	if err = d.match(p.fields, names); err == nil {
		err = d.row(p, mark, values, 0, names.Len(), v)
	}
	d.fields = d.fields[:mark]
	return err
}

// decRecordMap decodes a record into a map with texts as keys.
func (p *plan) decRecordMap(d *Decoder, q capn.Ptr, v reflect.Value) error {
	if err := d.enter(1); err != nil {
		return err
	}
	defer d.leave(1)
	names, values, err := recordParts(q)
	if err != nil {
		return err
	}
	if names.Len() != values.Len() {
		return errMalformed
	}
	return p.mapRow(d, names, values, 0, names.Len(), v)
}

// mapRow decodes one record into the map v.
func (p *plan) mapRow(d *Decoder, names, values capn.Ptr, from, k int, v reflect.Value) error {
	if p.typ.Key().Kind() != reflect.String {
		return wanted(RecordKind, p.typ.String())
	}
	m := reflect.MakeMapWithSize(p.typ, min(k, firstLen))
	for i := range k {
		b, err := name(names, i)
		if err != nil {
			return err
		}
		key, val := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
		key.SetString(d.string(b, names))
		if err := d.decode(p.elem, values.Elem(from+i), val); err != nil {
			return receiveAt(err, mapStep(key))
		}
		if m.SetMapIndex(key, val); m.Len() != i+1 {
			return errTwice(b)
		}
	}
	v.Set(m)
	return nil
}

// names returns copies of all names.
func (d *Decoder) names(names, q capn.Ptr) ([]string, error) {
	out := make([]string, 0, min(names.Len(), firstLen))
	var seen map[string]struct{}
	for i := range names.Len() {
		b, err := name(names, i)
		if err != nil {
			return nil, err
		}
		s := d.string(b, q)
		if seen == nil && i == 8 { // comparing each with all gets slow from here on
			seen = make(map[string]struct{}, firstLen)
			for _, o := range out {
				seen[o] = struct{}{}
			}
		}
		if seen != nil {
			if _, twice := seen[s]; twice {
				return nil, errTwice(b)
			}
			seen[s] = struct{}{}
		} else {
			for _, o := range out {
				if o == s {
					return nil, errTwice(b)
				}
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// anyRow decodes one record as a Record.
func (d *Decoder) anyRow(names []string, values capn.Ptr, from int) (Record, error) {
	r := make(Record, len(names))
	for i, n := range names {
		v, err := d.any(values.Elem(from + i))
		if err != nil {
			return nil, receiveAt(err, "."+quoted([]byte(n)))
		}
		r[i] = Field{Name: n, Value: v}
	}
	return r, nil
}

func decRecordValue(d *Decoder, q capn.Ptr, v reflect.Value) error {
	switch k := KindOf(q); k {
	case Null:
		v.SetZero()
		return nil
	case RecordKind:
		r, err := d.record(q)
		if err == nil {
			v.Set(reflect.ValueOf(r))
		}
		return err
	default:
		return wanted(k, "a record")
	}
}

// record decodes a record as a Record.
func (d *Decoder) record(q capn.Ptr) (Record, error) {
	if err := d.enter(1); err != nil {
		return nil, err
	}
	defer d.leave(1)
	names, values, err := recordParts(q)
	if err != nil {
		return nil, err
	}
	if names.Len() != values.Len() {
		return nil, errMalformed
	}
	known, err := d.names(names, q)
	if err != nil {
		return nil, err
	}
	return d.anyRow(known, values, 0)
}
