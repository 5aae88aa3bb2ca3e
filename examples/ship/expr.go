package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/scanner"
)

// What an expression may be is all that it can do: numbers, names of arguments, the
// four operations, parentheses.
//
//	sum     = product { ("+" | "-") product }
//	product = factor { ("*" | "/") factor }
//	factor  = number | name | "-" factor | "(" sum ")"

// maxExpression bounds an expression in bytes, and with them how deep it nests.
const maxExpression = 1000

// eval evaluates an expression over named arguments.
func eval(text string, args map[string]float64) (x float64, err error) {
	if len(text) > maxExpression {
		return 0, errors.New("the expression is too long")
	}
	e := &expression{args: args}
	e.Init(strings.NewReader(text))
	e.Mode = scanner.ScanIdents | scanner.ScanInts | scanner.ScanFloats
	e.Error = func(_ *scanner.Scanner, msg string) { e.fail(msg) }
	e.next()
	x = e.sum()
	if e.tok != scanner.EOF {
		e.fail("there is more than an expression")
	}
	return x, e.err
}

type expression struct {
	scanner.Scanner
	args map[string]float64
	tok  rune
	err  error // the first
}

func (e *expression) next() { e.tok = e.Scan() }

func (e *expression) fail(msg string) {
	if e.err == nil {
		e.err = fmt.Errorf("at %d: %s", e.Pos().Offset, msg)
	}
	e.tok = scanner.EOF
}

// take goes on if the next token is tok.
func (e *expression) take(tok rune) bool {
	if e.tok != tok {
		return false
	}
	e.next()
	return true
}

func (e *expression) sum() float64 {
	x := e.product()
	for {
		switch {
		case e.take('+'):
			x += e.product()
		case e.take('-'):
			x -= e.product()
		default:
			return x
		}
	}
}

func (e *expression) product() float64 {
	x := e.factor()
	for {
		switch {
		case e.take('*'):
			x *= e.factor()
		case e.take('/'):
			y := e.factor()
			if y == 0 {
				e.fail("division by zero")
			}
			x /= y
		default:
			return x
		}
	}
}

func (e *expression) factor() float64 {
	text := e.TokenText()
	switch {
	case e.take('-'):
		return -e.factor()
	case e.take('('):
		x := e.sum()
		if !e.take(')') {
			e.fail("a parenthesis is open")
		}
		return x
	case e.take(scanner.Int), e.take(scanner.Float):
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			e.fail("no number")
		}
		return x
	case e.tok == scanner.Ident:
		x, ok := e.args[text]
		if !ok {
			e.fail("there is no such argument")
			return 0
		}
		e.next()
		return x
	}
	e.fail("an expression should stand here")
	return 0
}
