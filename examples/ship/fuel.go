package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// meter returns a module that does the same and pays for it: it has one global more,
// exported as fuelName, that begins at fuel. Each function takes from it, before it
// begins, as much as it has instructions, and so does each round of a loop. Below zero
// the module traps. So no more than fuel instructions run, whatever they do, and the
// same work always costs the same.
//
// The module must be valid WebAssembly 1.0, which the engine says. Beyond that, it may
// import functions only, and have no table: nobody needs them here. And what takes a few
// bytes of a module and much memory of an engine, already as it compiles, is bounded: so
// no engine may see a module before this has.
func meter(module []byte, fuel int64) ([]byte, error) {
	in := &reader{rest: module}
	out := append([]byte(nil), in.bytes(8)...) // magic and version
	globals := append([]byte{0x7e, 1, 0x42}, appendSigned(nil, fuel)...)
	globals = append(globals, 0x0b) // an i64, mutable, that begins so
	fuelIndex, placed := uint64(0), false
	place := func() { // a section of its own
		if !placed {
			out, placed = appendSection(out, secGlobal, append([]byte{1}, globals...)), true
		}
	}
	for len(in.rest) > 0 && in.err == nil {
		id, content := in.byte(), &reader{rest: in.bytes(in.uint())}
		if id > secGlobal {
			place()
		}
		switch id {
		case secType:
			in.fail(checkTypes(&reader{rest: content.rest}))
		case secImport:
			in.fail(checkImports(&reader{rest: content.rest}))
		case secTable, secElement:
			in.fail(errors.New("a module may have no table"))
		case secGlobal:
			fuelIndex, placed = content.uint(), true
			content.rest = append(binary.AppendUvarint(nil, fuelIndex+1), append(content.rest, globals...)...)
		case secExport:
			n := content.uint()
			rest := append([]byte{byte(len(fuelName))}, fuelName...)
			rest = binary.AppendUvarint(append(rest, 3), fuelIndex) // 3 is a global
			content.rest = append(binary.AppendUvarint(nil, n+1), append(content.rest, rest...)...)
		case secCode:
			code, err := meterCode(content, fuelIndex)
			in.fail(err)
			content.rest = code
		}
		in.fail(content.err)
		out = appendSection(out, id, content.rest)
	}
	return out, in.err
}

const (
	fuelName = "\x00fuel"

	secType, secImport, secTable, secGlobal, secExport, secElement, secCode = 1, 2, 4, 6, 7, 9, 10

	maxFunctions = 2000
	maxParams    = 16     // of a function
	maxLocals    = 256    // of a function: each call has them
	maxAllLocals = 10_000 // of all functions
)

// checkTypes bounds the parameters of functions.
func checkTypes(in *reader) error {
	for range in.uint() {
		in.byte() // that it is a function
		params := in.uint()
		in.bytes(params)
		in.bytes(in.uint()) // results
		if params > maxParams {
			in.fail(errors.New("a function has too many parameters"))
		}
		if in.err != nil {
			return in.err
		}
	}
	return in.err
}

// checkImports allows functions only.
func checkImports(in *reader) error {
	for range in.uint() {
		in.bytes(in.uint()) // module
		in.bytes(in.uint()) // name
		if in.byte() != 0 && in.err == nil {
			return errors.New("a module may import functions only")
		}
		in.uint() // type
		if in.err != nil {
			return in.err
		}
	}
	return in.err
}

// meterCode meters every function of a code section.
func meterCode(in *reader, fuelIndex uint64) ([]byte, error) {
	n := in.uint()
	if n > maxFunctions {
		return nil, errors.New("the module has too many functions")
	}
	out := binary.AppendUvarint(nil, n)
	locals := uint64(maxAllLocals) // that are left
	for range n {
		body, err := meterBody(in.bytes(in.uint()), fuelIndex, &locals)
		if err = errors.Join(in.err, err); err != nil {
			return nil, err
		}
		out = append(binary.AppendUvarint(out, uint64(len(body))), body...)
	}
	return out, in.err
}

// meterBody meters one function, and takes its locals from those that are left.
func meterBody(body []byte, fuelIndex uint64, left *uint64) ([]byte, error) {
	in := &reader{rest: body}
	most := min(maxLocals, *left)
	for range in.uint() { // groups of locals
		n := in.uint()
		in.byte()
		if n > most {
			in.fail(errors.New("there are too many locals"))
		}
		if in.err != nil {
			return nil, in.err
		}
		most -= n
		*left -= n
	}
	code := in.rest
	out := append([]byte(nil), body[:len(body)-len(code)]...)

	// How many instructions there are within the function, and within each loop.
	costs, open, count := []int{0}, []int{0}, 0
	if err := eachInstruction(code, func(op byte, _ []byte) {
		count++
		switch op {
		case opBlock, opIf:
			open = append(open, -1)
		case opLoop:
			open = append(open, len(costs))
			costs = append(costs, -count)
		case opEnd:
			if len(open) > 0 {
				if i := open[len(open)-1]; i >= 0 {
					costs[i] += count
				}
				open = open[:len(open)-1]
			}
		}
	}); err != nil {
		return nil, err
	}
	pay := func() {
		out = binary.AppendUvarint(append(out, 0x23), fuelIndex) // fuel
		out = appendSigned(append(out, 0x42), int64(costs[0]))   // the cost
		out = binary.AppendUvarint(append(out, 0x7d, 0x24), fuelIndex)
		out = binary.AppendUvarint(append(out, 0x23), fuelIndex)
		out = append(out, 0x42, 0, 0x53, opIf, 0x40, 0, opEnd) // below 0? trap
		costs = costs[1:]
	}
	pay()
	err := eachInstruction(code, func(op byte, whole []byte) {
		if out = append(out, whole...); op == opLoop {
			pay()
		}
	})
	return out, err
}

const (
	opBlock, opLoop, opIf, opEnd = 0x02, 0x03, 0x04, 0x0b
)

// eachInstruction calls f with every instruction of a function, its opcode and the
// whole of it.
func eachInstruction(code []byte, f func(op byte, whole []byte)) error {
	in := &reader{rest: code}
	for len(in.rest) > 0 {
		before := in.rest
		op := in.byte()
		switch {
		case op <= 0x01, op == 0x05, op == opEnd, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xbf:
		case op >= opBlock && op <= opIf:
			in.byte() // its type
		case op == 0x0c, op == 0x0d, op == 0x10, op >= 0x20 && op <= 0x24, op >= 0x3f && op <= 0x42:
			in.uint() // an index; a constant, whose value does not matter here
		case op == 0x0e: // br_table
			for range in.uint() {
				if in.uint(); in.err != nil {
					return in.err
				}
			}
			in.uint()
		case op >= 0x28 && op <= 0x3e: // loads and stores: alignment, offset
			in.uint()
			in.uint()
		case op == 0x43:
			in.bytes(4)
		case op == 0x44:
			in.bytes(8)
		default:
			return fmt.Errorf("instruction %#x is not allowed", op)
		}
		if in.err != nil {
			return in.err
		}
		f(op, before[:len(before)-len(in.rest)])
	}
	return nil
}

// reader reads a module. After an error it reads zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail(errors.New("the module is cut off"))
		r.rest = nil
		return make([]byte, min(n, 8))
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	return r.bytes(1)[0]
}

// uint reads a number of up to 64 bits; what lies beyond is dropped, as of a negative
// one.
func (r *reader) uint() (x uint64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		x |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return x
		}
	}
}

func appendSigned(out []byte, x int64) []byte {
	for {
		b := byte(x & 0x7f)
		x >>= 7
		if x == 0 && b&0x40 == 0 || x == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func appendSection(out []byte, id byte, content []byte) []byte {
	out = binary.AppendUvarint(append(out, id), uint64(len(content)))
	return append(out, content...)
}
