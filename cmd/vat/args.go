package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/vatnet/vatnet/sturdyref"
	"github.com/vatnet/vatnet/vat"
)

// parseArgs reads the arguments of a verb. One that begins with @ is a sturdyref, to be passed as the reference that it
// leads to: what follows says where it is, as a REF does.
func parseArgs(cmd *cobra.Command, words []string) ([]any, error) {
	args := make([]any, len(words))
	for i, w := range words {
		var err error
		if where, isRef := strings.CutPrefix(w, "@"); isRef {
			args[i], err = readRef(cmd, where)
		} else {
			args[i], err = parseArg(unshield(w))
		}
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	return args, nil
}

// enliven puts references in the place of sturdyrefs. It waits until they lead somewhere: so one that does not is
// found before anything is sent.
func enliven(ctx context.Context, v *vat.Vat, args []any) error {
	for i, x := range args {
		sr, ok := x.(sturdyref.Ref)
		if !ok {
			continue
		}
		ref := v.Enliven(sr)
		if err := ref.Await(ctx); ctx.Err() != nil {
			return failed(exitTimeout, "argument %d: no answer in time; nothing was sent", i+1)
		} else if err != nil {
			err = explain(ctx, ref, "lookup", err)
			return failed(statusOf(err), "argument %d: %w", i+1, err)
		}
		args[i] = ref
	}
	return nil
}

// parseArg reads one argument of a verb: JSON, or a bare text. What begins like a
// text, list or object of JSON must be JSON: to take a mistake for a text would
// hide it. Everything else that is not JSON is a text.
//
// Whole numbers become integers of the size that they need, others floats; objects
// become records, in their order. An object whose only key is $bytes, $time or
// $duration is that kind of value.
func parseArg(s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("not valid UTF-8; bytes are written {\"$bytes\":\"<base64>\"}")
	}
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	x, err := parseValue(dec)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("something follows the value")
		}
	}
	var mistake *notationError
	switch {
	case err == nil:
		return x, nil
	case errors.As(err, &mistake):
		return nil, err
	case s != "" && strings.Contains(`"[{`, s[:1]):
		return nil, fmt.Errorf("it begins like JSON and is none (%w); a text that begins so is written as a JSON string", err)
	}
	return s, nil
}

// notationError is JSON that does not mean a value.
type notationError struct{ text string }

func (e *notationError) Error() string { return e.text }

func mistaken(format string, args ...any) error {
	return &notationError{fmt.Sprintf(format, args...)}
}

func parseValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Number:
		return parseNumber(t.String())
	case json.Delim:
		if t == '[' {
			return parseList(dec)
		}
		return parseObject(dec)
	}
	return token, nil // nil, bool, string
}

func parseNumber(s string) (any, error) {
	if i, ok := new(big.Int).SetString(s, 10); ok && s != "-0" { // integers have no negative zero
		switch {
		case i.IsInt64():
			return i.Int64(), nil
		case i.IsUint64():
			return i.Uint64(), nil
		}
		return i, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, mistaken("the number %s is too large", s)
	}
	return f, nil
}

func parseList(dec *json.Decoder) (any, error) {
	list := []any{}
	for dec.More() {
		x, err := parseValue(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	_, err := dec.Token()
	return list, err
}

func parseObject(dec *json.Decoder) (any, error) {
	r := vat.Record{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string) // the decoder gives nothing else in this place
		if _, twice := r.Get(name); twice {
			return nil, mistaken("the key %q stands twice", name)
		}
		x, err := parseValue(dec)
		if err != nil {
			return nil, err
		}
		r = append(r, vat.Field{Name: name, Value: x})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if len(r) == 1 && strings.HasPrefix(r[0].Name, "$") {
		return parseTagged(r[0])
	}
	return r, nil
}

// parseTagged reads what JSON has no notation for.
func parseTagged(f vat.Field) (x any, err error) {
	text, ok := f.Value.(string)
	if !ok {
		return nil, mistaken("%q wants a text", f.Name)
	}
	switch f.Name {
	case "$bytes":
		x, err = base64.StdEncoding.DecodeString(text)
	case "$time":
		x, err = time.Parse(time.RFC3339Nano, text)
	case "$duration":
		x, err = time.ParseDuration(text)
	default:
		return nil, mistaken("there is no %q, only $bytes, $time and $duration", f.Name)
	}
	if err != nil {
		return nil, mistaken("%q: %v", f.Name, err)
	}
	return x, nil
}
