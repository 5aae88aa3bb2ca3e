package stream

import (
	"math/big"
	"reflect"
)

// valueSize is what each value counts for in the size of an item, whatever it is.
const valueSize = 8

// maxDepth is how deep an item is looked at; values of vat are not deeper.
const maxDepth = 32

var typeBigInt = reflect.TypeFor[big.Int]()

// sizeOf returns the size of an item, as Config.MaxItem counts it. Beyond enough it stops
// counting. It allocates nothing for texts, data and numbers.
func sizeOf[T any](item *T, enough int) int {
	switch p := any(item).(type) {
	case *int, *int64, *uint64, *float64, *bool:
		return valueSize
	case *string:
		return valueSize + len(*p)
	case *[]byte:
		return valueSize + len(*p)
	}
	s := sizer{enough: enough}
	s.add(reflect.ValueOf(item).Elem(), 0)
	return s.size
}

type sizer struct{ size, enough int }

func (s *sizer) add(v reflect.Value, depth int) {
	if s.size += valueSize; s.size > s.enough || depth > maxDepth {
		return
	}
	switch v.Kind() {
	case reflect.String:
		s.size += v.Len()
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			s.size += v.Len()
			return
		}
		for i := 0; i < v.Len() && s.size <= s.enough; i++ {
			s.add(v.Index(i), depth+1)
		}
	case reflect.Map:
		for it := v.MapRange(); s.size <= s.enough && it.Next(); {
			s.add(it.Key(), depth+1)
			s.add(it.Value(), depth+1)
		}
	case reflect.Struct:
		if v.Type() == typeBigInt {
			x := new(big.Int)
			reflect.ValueOf(x).Elem().Set(v) // v may have no address; its words are shared
			s.size += (x.BitLen() + 7) / 8
			return
		}
		for i := 0; i < v.NumField() && s.size <= s.enough; i++ {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous { // its fields are the struct's
				s.add(v.Field(i), depth+1)
			}
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			s.add(v.Elem(), depth+1)
		}
	}
}
