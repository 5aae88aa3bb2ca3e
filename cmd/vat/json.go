package main

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// appendJSON appends a value, as an `any` receives it, as JSON in one line. What
// JSON lacks is written as a reader of JSON would expect it:
//
//	integers of any size   numbers with all their digits
//	NaN and infinities     "NaN", "Infinity", "-Infinity"
//	bytes                  base64 (standard, padded)
//	times                  RFC 3339, in the zone in which they came
//	durations              as Go writes them, "1m30s"
//	sturdyrefs             the URI: who asked for it is given it
//	errors                 {"$error": text, "$code": code}, the code if there is one
//	references, promises   {"$ref": state}: they end with this process
//
// Records keep the order of their fields, maps are sorted. Texts are escaped so
// that nothing in them can act on a terminal.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case *big.Int:
		return v.Append(b, 10)
	case float64:
		return appendFloat(b, v)
	case string:
		return appendQuoted(b, v)
	case []byte:
		return appendQuoted(b, base64.StdEncoding.EncodeToString(v))
	case time.Time:
		return appendQuoted(b, v.Format(time.RFC3339Nano))
	case time.Duration:
		return appendQuoted(b, v.String())
	case sturdyref.Ref:
		return appendQuoted(b, v.URI())
	case []any:
		return appendList(b, v)
	case map[string]any:
		fields := make(vat.Record, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			fields = append(fields, vat.Field{Name: k, Value: v[k]})
		}
		return appendRecord(b, fields)
	case vat.Record:
		return appendRecord(b, v)
	case *vat.Ref:
		return appendRecord(b, vat.Record{{Name: "$ref", Value: v.State().String()}})
	case error:
		return appendError(b, v)
	}
	return appendRecord(b, vat.Record{{Name: "$ref", Value: "promise"}})
}

func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	number, err := json.Marshal(f)
	if err != nil {
		return append(b, "null"...) // no other float is without a number
	}
	return append(b, number...)
}

func appendList(b []byte, list []any) []byte {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, x)
	}
	return append(b, ']')
}

func appendRecord(b []byte, r vat.Record) []byte {
	b = append(b, '{')
	for i, f := range r {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, f.Name), ':')
		b = appendJSON(b, f.Value)
	}
	return append(b, '}')
}

func appendError(b []byte, err error) []byte {
	r := vat.Record{{Name: "$error", Value: err.Error()}}
	if e, ok := err.(*vat.Error); ok {
		r[0].Value = e.Text
		if e.Code != "" {
			r = append(r, vat.Field{Name: "$code", Value: e.Code})
		}
	}
	return appendRecord(b, r)
}
