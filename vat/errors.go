package vat

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/vatnet/vatnet/captp"
)

// Errors of this package. Compare with errors.Is: they come wrapped, and many of
// them cross the wire by their code (see [RegisterError]), so that the caller
// sees what the vat of the object meant.
var (
	// ErrDisconnected: the session that a reference or promise depended on has
	// ended, or could not be had. For a send that was under way, ErrNotDelivered
	// or ErrOutcomeUnknown matches too.
	ErrDisconnected = errors.New("vat: disconnected")
	// ErrNotDelivered: the send certainly did not arrive. It may be repeated.
	ErrNotDelivered = errors.New("vat: the send was not delivered")
	// ErrOutcomeUnknown: the send had left when the session ended; it was
	// delivered once or not at all, and nobody here can know.
	ErrOutcomeUnknown = errors.New("vat: the outcome of the send is unknown")
	// ErrUnreachable: no location of the vat could be reached. It is also an
	// ErrDisconnected and an ErrNotDelivered.
	ErrUnreachable = errors.New("vat: unreachable")
	// ErrWrongVat: whoever answered at the location is not the vat that was
	// named. It is also an ErrDisconnected and an ErrNotDelivered.
	ErrWrongVat = errors.New("vat: another vat answered")

	// ErrNoSuchObject: the vat knows no object by that sturdyref: it never was,
	// has expired, or was revoked; which of these is not told.
	ErrNoSuchObject = coded("vat.noobject", "no such object: unknown, expired or revoked")
	// ErrRevoked: the reference was severed, because what granted it was revoked or has expired.
	ErrRevoked = coded("vat.revoked", "the reference was revoked or has expired")
	// ErrNoSuchVerb: the object has no such verb.
	ErrNoSuchVerb = coded("vat.noverb", "no such verb")
	// ErrBadArguments: number or types of the arguments do not fit the verb.
	ErrBadArguments = coded("vat.arguments", "the arguments do not fit")
	// ErrBadResult: the value that came cannot be had as the type asked for.
	ErrBadResult = coded("vat.result", "the result does not fit")
	// ErrNotObject: the verb was sent to plain data, or to nothing.
	ErrNotObject = coded("vat.data", "there is no object here: it is plain data")
	// ErrNull: the verb was sent to a null reference.
	ErrNull = coded("vat.null", "there is no object here: the reference is null")
	// ErrCycle: the promise was resolved to itself.
	ErrCycle = coded("vat.cycle", "the promise was resolved to itself")
	// ErrCanceled: the caller canceled. It matches when a context ended a Call, too.
	ErrCanceled = coded("vat.canceled", "the call was canceled")
	// ErrOverloaded: too much is pending, here or there; see [Ref.Ready].
	ErrOverloaded = coded("vat.overloaded", "overloaded; try again later")
	// ErrAnswerLost: the call was made, but when its answer came there was no room for
	// it: too much that its caller had asked for before waited to be read. It happens
	// to large answers that are given later than in the turn of their call (a promise,
	// another vat's answer), many at a time. It is also an ErrOverloaded.
	ErrAnswerLost = coded("vat.answerlost", "the call was made, but its answer was too large for what waited to be read")
	// ErrTooLarge: the message is larger than a vat takes.
	ErrTooLarge = coded("vat.toolarge", "the message is too large")
	// ErrInternal: the object's method panicked, or something inside its vat
	// failed. The text carries an incident id that the log of that vat explains.
	ErrInternal = coded("vat.internal", "internal error")
	// ErrDropped: the promise was dropped by everybody who could have resolved it.
	ErrDropped = coded("vat.dropped", "the promise was dropped before it was resolved")
	// ErrNotStored: what the turn changed could not be stored, so it has not happened. The
	// log of the vat says why.
	ErrNotStored = coded("vat.notstored", "what the turn changed could not be stored, so it has not happened")
	// ErrStoreFailed: the store has failed while it took what the turn changed. Whether the turn
	// has happened shows when the store is opened again. The log of the vat says why.
	ErrStoreFailed = coded("vat.storefailed", "the store has failed: whether the turn has happened is not known")
	// ErrUnsaved: the object cannot be saved by who asked; see [Save].
	ErrUnsaved = coded("vat.unsaved", "it may not be saved")
	// ErrUndescribed: the object declines to describe itself.
	ErrUndescribed = coded("vat.undescribed", "the object declines to describe itself")

	// ErrClosed: the vat is closed.
	ErrClosed = coded("vat.closed", "the vat is closed")
	// ErrInTurn: Await or another blocking operation was called inside of a
	// turn, where it would wait for itself. Use [When].
	ErrInTurn = coded("vat.inturn", "this blocks, and a turn must not: use When instead of waiting")
	// ErrNoLocation: the vat has no address that others could dial, so it cannot
	// make a sturdyref. Set Config.Listen or Config.Advertise.
	ErrNoLocation = errors.New("vat: no location: set Config.Listen or Config.Advertise to export objects")
	// ErrOtherVat: an object, reference or promise of another vat of this process
	// was used; an object belongs to the vat that first exported or sent it.
	ErrOtherVat = errors.New("vat: belongs to another vat of this process")
	// ErrNotSendable: a value cannot be carried.
	ErrNotSendable = errors.New("vat: value cannot be sent")
	// ErrNotKept: what is in a field, list or map of a [Durable] object cannot be kept,
	// or what was kept cannot be had by this program.
	ErrNotKept = errors.New("vat: cannot be kept")
	// ErrNoStore: the vat has no store; see Open and Config.Store.
	ErrNoStore = errors.New("vat: no store: open the vat from a directory, or set Config.Store")
	// ErrOpenDir: others than its owner can get into the directory of the vat.
	ErrOpenDir = errors.New("vat: the directory is open to others")
	// ErrOtherIdentity: the store is that of a vat with another identity.
	ErrOtherIdentity = errors.New("vat: the store is of a vat with another identity")
	// ErrNoFormer: the vat never had that identity, or has it still.
	ErrNoFormer = errors.New("vat: that is no former identity of the vat")
	// ErrTooManyFormers: the vat has had 16 identities before, or answers to four of them yet; see [Vat.RetireFormer].
	ErrTooManyFormers = errors.New("vat: too many former identities: wait for the end of their grace, or retire one")
	// ErrNoSuccessor: what vats say of their successors leads nowhere; see [Vat.Successor].
	ErrNoSuccessor = errors.New("vat: who is said to be the vat's successor does not confirm it")
)

// coded makes and registers an error of this package.
func coded(code, text string) error {
	err := errors.New("vat: " + text)
	registry.add(code, err)
	return err
}

// Error is how a failure arrives: as text, with a code if the error was
// registered. A method's own error becomes an *Error on its way, for a near
// caller as for a far one. It matches, by errors.Is, the error that is
// registered for its code, and ErrDisconnected, ErrNotDelivered,
// ErrOutcomeUnknown, ErrOverloaded as the case may be. What only this vat can say of
// itself, ErrClosed, ErrInTurn and ErrBadResult, is not matched by what another vat says of itself.
//
// A code that begins with "vat." comes from the vats and speaks of the very call that
// failed, or of the reference that is broken. When a method returns such an error, one
// of this package or one that it got from another call, its text crosses, but not its
// code: an object cannot pose as its vat. Only ErrOverloaded is everybody's to return.
type Error struct {
	Code string // registered code; "" if the error has none
	Text string // what it says; from a remote vat: of that vat's making

	kind     captp.Kind
	delivery captp.Delivery
	outcome  captp.Ending
	remote   bool // another vat said so
	incident bool // something inside of this vat failed, and its log has it
}

// Error returns the text, quoted if it holds anything but printable ASCII: a
// remote vat may have chosen it.
func (e *Error) Error() string {
	for i := 0; i < len(e.Text); i++ {
		if e.Text[i] < ' ' || e.Text[i] > '~' {
			return strconv.Quote(e.Text)
		}
	}
	return e.Text
}

// Outcome returns why the session ended, if that is why the send failed: a code
// from the closed list of auth.*, proto.*, limit.* and peer.*; "" otherwise.
func (e *Error) Outcome() string { return string(e.outcome) }

// Is reports whether e stands for target; see [Error].
func (e *Error) Is(target error) bool {
	switch target {
	case ErrDisconnected:
		return e.kind == captp.Disconnected
	case ErrNotDelivered:
		return e.kind == captp.Disconnected && e.delivery == captp.NotDelivered
	case ErrOutcomeUnknown:
		return e.kind == captp.Disconnected && e.delivery == captp.OutcomeUnknown
	case ErrUnreachable:
		return e.outcome == outcomeUnreachable
	case ErrWrongVat:
		return e.outcome == outcomeWrongVat
	case ErrOverloaded:
		return e.kind == captp.Overloaded || e.Code == "vat.overloaded"
	}
	if e.remote && (target == ErrClosed || target == ErrInTurn || target == ErrBadResult) {
		return false // of another vat, and nothing that the caller could act on
	}
	return e.Code != "" && registry.code(target) == e.Code
}

// RegisterError gives err a code, under which it crosses the wire: when a method
// returns an error that wraps err, the caller's error matches err by errors.Is,
// if the caller's program has registered the same code. Both sides do it once,
// usually in a variable declaration:
//
//	var ErrFull = vat.RegisterError("log.full", errors.New("the log is full"))
//
// A code is 1 to 64 lower-case letters, digits, dots and dashes; those that begin
// with "vat." are taken. It panics on a bad code, and on one that another error
// has. It returns err. It is safe for concurrent use.
func RegisterError(code string, err error) error {
	if err == nil || !validCode(code) || strings.HasPrefix(code, "vat.") {
		panic(fmt.Sprintf("vat: RegisterError(%q, %v): bad code or no error", code, err))
	}
	registry.add(code, err)
	return err
}

func validCode(code string) bool {
	if len(code) == 0 || len(code) > 64 {
		return false
	}
	for _, r := range code {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' {
			return false
		}
	}
	return true
}

// errorRegistry maps codes and errors to each other.
type errorRegistry struct {
	mu     sync.RWMutex
	byCode map[string]error
	byErr  map[error]string
}

var registry errorRegistry

func (r *errorRegistry) add(code string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byCode == nil {
		r.byCode, r.byErr = map[string]error{}, map[error]string{}
	}
	if old, ok := r.byCode[code]; ok && old != err {
		panic(fmt.Sprintf("vat: RegisterError: the code %q is taken", code))
	}
	r.byCode[code], r.byErr[err] = err, code
}

// code returns the code of exactly err; "" if it has none.
func (r *errorRegistry) code(err error) string {
	if !reflect.ValueOf(err).Comparable() {
		return ""
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byErr[err]
}

// codeOf returns the code of the first error in err's tree that has one.
func codeOf(err error) string { return codeWhere(err, func(error, string) bool { return true }) }

// codeRaised is codeOf for what user code gives as its own error. What the vats
// reserve for themselves is passed over, unless the vat itself has made the error.
func codeRaised(err error) string {
	return codeWhere(err, func(err error, code string) bool {
		e, ok := err.(*Error)
		return ok && e.incident || !captp.IsReserved(code)
	})
}

func codeWhere(err error, wanted func(err error, code string) bool) string {
	if err == nil {
		return ""
	}
	code := registry.code(err)
	if e, ok := err.(*Error); ok {
		code = e.Code
	}
	if code != "" && wanted(err, code) {
		return code
	}
	switch x := err.(type) {
	case interface{ Unwrap() error }:
		return codeWhere(x.Unwrap(), wanted)
	case interface{ Unwrap() []error }:
		for _, e := range x.Unwrap() {
			if c := codeWhere(e, wanted); c != "" {
				return c
			}
		}
	}
	return ""
}

// fromWire makes the Go error for one of the machine's.
func fromWire(e *captp.Error) error {
	if e == nil {
		return nil
	}
	own := &Error{Code: e.Code, Text: e.Reason, kind: e.Kind, delivery: e.Delivery, outcome: e.Outcome, remote: e.Remote}
	own.incident = !e.Remote && e.Code == "vat.internal"
	if e.Remote && e.Kind == captp.Disconnected && e.Delivery == captp.Answered && e.Outcome == "" {
		own.delivery = captp.OutcomeUnknown // what it lost was on the way behind it
	}
	return own
}

// sendFailed is fromWire for the outcome of a send. What an object of this vat passed on,
// and lost, is as unknown to who sent it to that object as if that were far.
func sendFailed(e *captp.Error) error {
	err := fromWire(e)
	if own := err.(*Error); own.kind == captp.Disconnected && own.delivery == captp.Answered {
		own.delivery = captp.OutcomeUnknown
	}
	return err
}

// carried is an error together with its form on the wire, which was made where user
// code may run: its Error method may do anything.
type carried struct {
	error
	wire *captp.Error
}

// carry makes the form in which err, that user code gives as its own, crosses. It must
// be called without the machine right; a panic of err's methods is contained.
func (c *core) carry(err error) *carried { return c.carryAs(err, codeRaised) }

// carryAs is carry with the code that code gives err.
func (c *core) carryAs(err error, code func(error) string) (e *carried) {
	if x, ok := err.(*carried); ok {
		return x
	}
	defer func() {
		if r := recover(); r != nil {
			own := c.panicked(r)
			e = &carried{own, toWire(own)}
		}
	}()
	return &carried{err, wireOf(err, code(err))}
}

// maxErrorText bounds the text of an error that crosses.
const maxErrorText = 4096

// toWire makes the machine's error of one of the vat's own. The failure of a session
// that something here depended on is told as a plain failure: the caller's own
// session is well.
func toWire(err error) *captp.Error {
	if x, ok := err.(*carried); ok {
		return x.wire
	}
	return wireOf(err, codeOf(err))
}

func wireOf(err error, code string) *captp.Error {
	e := &captp.Error{Kind: captp.Failed, Code: code, Reason: errorText(err)}
	own, ok := err.(*Error)
	e.Remote = ok && own.remote
	switch {
	case errors.As(err, &own) && own.kind == captp.Overloaded, code == "vat.overloaded":
		e.Kind = captp.Overloaded
	case code == "vat.noverb":
		e.Kind = captp.Unimplemented
	}
	return e
}

// errorText is the text of err as it is sent: bounded, without the package prefix
// that the receiver's own error would repeat.
func errorText(err error) string {
	var text string
	if own, ok := err.(*Error); ok {
		text = own.Text
	} else {
		text = err.Error()
	}
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
