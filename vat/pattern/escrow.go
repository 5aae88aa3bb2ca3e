package pattern

import (
	"errors"

	"github.com/vatnet/vatnet/vat"
)

// Errors of an exchange.
var (
	// ErrWithdrawn: one of the two has withdrawn. What was paid is at Refund.
	ErrWithdrawn = vat.RegisterError("pattern.withdrawn", errors.New("pattern: the exchange was called off"))
	// ErrPaid: this seat has paid already.
	ErrPaid = vat.RegisterError("pattern.paid", errors.New("pattern: it was paid already"))
	// ErrOpen: the exchange was neither called off nor done.
	ErrOpen = vat.RegisterError("pattern.open", errors.New("pattern: the exchange is open"))
	// ErrDone: both have paid, and have each other's money.
	ErrDone = vat.RegisterError("pattern.done", errors.New("pattern: the exchange is done"))
)

// Payment is what one side of an exchange pays: an amount of a currency, whose [Issuer] both sides trust.
type Payment struct {
	Issuer vat.Target
	Amount int64
}

// exchange is what two seats share.
type exchange struct {
	seats [2]*Seat
	done  bool // both have paid
	off   bool // one has withdrawn
}

// Seat is one side of an exchange: an object for one of the two parties. Its verbs are terms, pay, withdraw and
// refund.
type Seat struct {
	vat.Object
	exchange *exchange
	pays     Payment
	other    *Seat

	purse *vat.Promise[any]  // where the payment goes; nil: not paid
	paid  bool               // it is in there
	got   *vat.Resolver[any] // of what pay has promised
}

// Terms is what a seat tells of its exchange.
type Terms struct{ Pay, Get int64 }

// NewExchange makes an exchange between two who need not trust each other, but both trust him who makes it, and
// the two issuers: a's payment for b's. Each of them gets a seat and pays; when both have paid each has a purse with
// what the other one paid, and before that either can withdraw, and nobody has lost anything. The seats belong to one
// vat, of which the issuers are references or promises; the money may be elsewhere.
func NewExchange(a, b Payment) (seatA, seatB *Seat) {
	x := &exchange{}
	seatA, seatB = &Seat{exchange: x, pays: a}, &Seat{exchange: x, pays: b}
	seatA.other, seatB.other = seatB, seatA
	x.seats = [2]*Seat{seatA, seatB}
	return seatA, seatB
}

// Terms is the verb terms: what this seat pays, and gets.
func (s *Seat) Terms() Terms { return Terms{s.pays.Amount, s.other.pays.Amount} }

// Pay is the verb pay: it moves what this seat pays out of a purse, and gives a promise for the purse with what the
// other one pays. If the payment fails so does the promise, and it can be tried again; if one of the two withdraws it
// breaks with ErrWithdrawn.
func (s *Seat) Pay(from *vat.Ref) (*vat.Promise[any], error) {
	switch x := s.exchange; {
	case x.off:
		return nil, ErrWithdrawn
	case s.purse != nil:
		return nil, ErrPaid
	}
	p, got := vat.NewPromise[any](s.Vat())
	// The purse is the issuer's and nobody else has it: what gets into it is money, and stays there.
	s.purse, s.got = s.pays.Issuer.Send("purse"), got
	vat.WhenSettled(s.purse.Send("deposit", s.pays.Amount, from), func(_ any, err error) (any, error) {
		if err == nil {
			s.paid = true
			s.exchange.settle()
			return nil, nil
		}
		if !s.exchange.off { // else it has been told
			s.purse, s.got = nil, nil
		}
		got.Break(err)
		return nil, nil
	})
	return p, nil
}

// settle gives each what the other has paid, once both have.
func (x *exchange) settle() {
	a, b := x.seats[0], x.seats[1]
	if x.off || !a.paid || !b.paid {
		return
	}
	x.done = true
	a.got.Follow(b.purse)
	b.got.Follow(a.purse)
}

// Withdraw is the verb withdraw: it calls the exchange off, for both. It fails with ErrDone if both have paid.
func (s *Seat) Withdraw() error {
	x := s.exchange
	if x.done {
		return ErrDone
	}
	x.off = true
	for _, seat := range x.seats {
		if seat.got != nil {
			seat.got.Break(ErrWithdrawn)
		}
	}
	return nil
}

// Refund is the verb refund: the purse with what this seat has paid, after the exchange was called off; null if it
// had not begun to pay. A payment that is still on its way gets there. It fails with ErrOpen before, and with ErrDone
// if both have paid.
func (s *Seat) Refund() (*vat.Promise[any], error) {
	switch x := s.exchange; {
	case x.done:
		return nil, ErrDone
	case !x.off:
		return nil, ErrOpen
	}
	return s.purse, nil
}
