package pattern

import (
	"context"
	"errors"
	"math"

	"github.com/vatnet/vatnet/vat"
)

// Errors of mints and purses.
var (
	// ErrFunds: there is not as much in the purse.
	ErrFunds = vat.RegisterError("pattern.funds", errors.New("pattern: insufficient funds"))
	// ErrAmount: an amount is negative, or more than can ever be.
	ErrAmount = vat.RegisterError("pattern.amount", errors.New("pattern: not an amount"))
	// ErrNotPurse: money can only come out of a purse of the same mint.
	ErrNotPurse = vat.RegisterError("pattern.notpurse", errors.New("pattern: not a purse of this mint"))
)

// Mint is an object that makes money: who has it decides how much there is. Its verbs are purse, issuer and
// supply.
type Mint struct {
	vat.Object
	currency string
	supply   int64
	met      meetings[Purse]
}

// NewMint makes the mint of a new currency. The name is for people; what tells currencies apart is
// that the purses of one do not take from those of another.
func NewMint(currency string) *Mint { return &Mint{currency: currency} }

// Purse is the verb purse: a purse with new money in it.
func (m *Mint) Purse(amount int64) (*Purse, error) {
	if amount < 0 || amount > math.MaxInt64-m.supply {
		return nil, ErrAmount
	}
	m.supply += amount
	return &Purse{mint: m, balance: amount}, nil
}

// Issuer is the verb issuer: what those get who are to trust in the currency.
func (m *Mint) Issuer() *Issuer { return &Issuer{mint: m} }

// Supply is the verb supply: how much money was made.
func (m *Mint) Supply() int64 { return m.supply }

// Issuer is an object that gives empty purses of a currency: who has it from somebody whom he trusts knows, of
// what was deposited into such a purse, that it is that currency's money. Its verbs are purse and currency.
type Issuer struct {
	vat.Object
	mint *Mint
}

// Purse is the verb purse: an empty purse.
func (i *Issuer) Purse() *Purse { return &Purse{mint: i.mint} }

// Currency is the verb currency: the name.
func (i *Issuer) Currency() string { return i.mint.currency }

// Purse is an object that holds money. Who has it can spend it; so a payment is a purse, and who is paid makes
// sure of it by a deposit into one of his own. Its verbs are balance, deposit, withdraw, purse, currency, and
// present: a facet with neither withdraw nor present cannot be spent.
type Purse struct {
	vat.Object
	mint    *Mint
	balance int64
}

// Balance is the verb balance: how much is in the purse.
func (p *Purse) Balance() int64 { return p.balance }

// Currency is the verb currency: the name.
func (p *Purse) Currency() string { return p.mint.currency }

// Purse is the verb purse: an empty one of the same currency.
func (p *Purse) Purse() *Purse { return &Purse{mint: p.mint} }

// Withdraw is the verb withdraw: it gives a new purse with an amount out of this one. Errors: ErrFunds,
// ErrAmount.
func (p *Purse) Withdraw(amount int64) (*Purse, error) {
	to := p.Purse()
	return to, to.move(amount, p)
}

// Deposit is the verb deposit: it moves an amount out of another purse into this one, or fails and moves
// nothing: with ErrNotPurse if from is no purse of the same mint, ErrFunds, ErrAmount. from may be a promise. That
// it succeeds is the proof that the money was real.
func (p *Purse) Deposit(ctx context.Context, amount int64, from *vat.Ref) (any, error) {
	return p.mint.met.meet(ctx, from, func(src *Purse) (any, error) {
		if src == nil || src.mint != p.mint {
			return nil, ErrNotPurse
		}
		return nil, p.move(amount, src)
	})
}

// Present is the verb present, by which the mint finds a purse that it has not near: to be asked to is to be spent.
func (p *Purse) Present(nonce string) { p.mint.met.present(nonce, p) }

// move moves an amount. Balances do not overflow: all of them together are the supply.
func (p *Purse) move(amount int64, from *Purse) error {
	switch {
	case amount < 0:
		return ErrAmount
	case amount > from.balance:
		return ErrFunds
	}
	from.balance -= amount
	p.balance += amount
	return nil
}
