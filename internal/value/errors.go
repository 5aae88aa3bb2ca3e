package value

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrCannotSend is what every failure to encode is, by errors.Is.
var ErrCannotSend = errors.New("value cannot be sent")

// ErrCannotReceive is what every failure to decode is, by errors.Is: the value
// is malformed, or does not fit the type that wants it.
var ErrCannotReceive = errors.New("value cannot be received")

// MaxDepth is how many lists, maps and records may contain one another.
const MaxDepth = 24

// SendError says what could not be encoded, and where it stands.
type SendError struct {
	Path string // such as args[0].Next.Ch; field names are those of Go
	Err  error
}

// Error returns path and cause.
func (e *SendError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }

// Is reports whether target is ErrCannotSend.
func (e *SendError) Is(target error) bool { return target == ErrCannotSend }

// ReceiveError says what could not be decoded, and where it stands. Its text
// holds nothing of the value but names of fields, quoted and cut.
type ReceiveError struct {
	Path string
	Err  error
}

// Error returns path and cause.
func (e *ReceiveError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ReceiveError) Unwrap() error { return e.Err }

// Is reports whether target is ErrCannotReceive.
func (e *ReceiveError) Is(target error) bool { return target == ErrCannotReceive }

// sendAt puts step in front of the path of err.
func sendAt(err error, step string) error {
	if se, ok := err.(*SendError); ok {
		se.Path = step + se.Path
		return se
	}
	return &SendError{Path: step, Err: err}
}

// receiveAt puts step in front of the path of err.
func receiveAt(err error, step string) error {
	if re, ok := err.(*ReceiveError); ok {
		re.Path = step + re.Path
		return re
	}
	return &ReceiveError{Path: step, Err: err}
}

// index is the step into the i-th element.
func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// quoted is a string of a peer, fit to be shown.
func quoted(s []byte) string {
	const most = 40
	if len(s) > most {
		return strconv.QuoteToASCII(string(s[:most])) + "…"
	}
	return strconv.QuoteToASCII(string(s))
}

// wanted says that a value of kind k came where Go wants something else.
func wanted(k Kind, want string) error {
	return fmt.Errorf("%s where %s is wanted", k, want)
}

var (
	errDepth     = fmt.Errorf("nested deeper than %d levels", MaxDepth)
	errCycle     = errors.New("contains itself")
	errUTF8      = errors.New("text is not valid UTF-8")
	errMalformed = errors.New("malformed value")
	errEmpty     = errors.New("malformed value: list elements without size")
	errDuplicate = errors.New("map with a key twice")
	errUnknown   = errors.New("value of an unknown kind")
	errTwoFields = errors.New("record with two fields of this name")
	errNoTarget  = errors.New("no pointer to decode into")
	errNoHooks   = errors.New("references cannot be carried here")
)
