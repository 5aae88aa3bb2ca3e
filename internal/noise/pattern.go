package noise

// Token is one step of a handshake message.
type Token uint8

// The tokens of Noise revision 34 §7, and of its hybrid forward secrecy
// extension. A DH token names the initiator's key first.
const (
	E     Token = iota + 1 // an ephemeral public key, in clear
	S                      // a static public key, encrypted once there is a key
	EE                     // DH of both ephemeral keys
	ES                     // DH of initiator's ephemeral and responder's static key
	SE                     // DH of initiator's static and responder's ephemeral key
	SS                     // DH of both static keys
	E1                     // an ephemeral ML-KEM encapsulation key
	Ekem1                  // the ciphertext for it, then its shared secret
)

// Pattern is a handshake pattern: who knows whose static key beforehand, and
// the tokens of each message. The initiator sends the even messages.
type Pattern struct {
	Name     string
	InitPre  bool // the responder knows the initiator's static key beforehand
	RespPre  bool // the initiator knows the responder's static key beforehand
	Messages [][]Token
}

// Hybrid reports whether the pattern has KEM tokens.
func (p *Pattern) Hybrid() bool {
	for _, m := range p.Messages {
		for _, t := range m {
			if t == E1 || t == Ekem1 {
				return true
			}
		}
	}
	return false
}

// XKhfs is the pattern that package crypto uses.
var XKhfs = &Pattern{Name: "XKhfs", RespPre: true, Messages: [][]Token{{E, ES, E1}, {E, EE, Ekem1}, {S, SE}}}

// Patterns holds the twelve interactive fundamental patterns (Noise §7.5) and
// two hybrid ones. All but XKhfs are there to check the engine.
var Patterns = []*Pattern{
	{Name: "NN", Messages: [][]Token{{E}, {E, EE}}},
	{Name: "NK", RespPre: true, Messages: [][]Token{{E, ES}, {E, EE}}},
	{Name: "NX", Messages: [][]Token{{E}, {E, EE, S, ES}}},
	{Name: "XN", Messages: [][]Token{{E}, {E, EE}, {S, SE}}},
	{Name: "XK", RespPre: true, Messages: [][]Token{{E, ES}, {E, EE}, {S, SE}}},
	{Name: "XX", Messages: [][]Token{{E}, {E, EE, S, ES}, {S, SE}}},
	{Name: "KN", InitPre: true, Messages: [][]Token{{E}, {E, EE, SE}}},
	{Name: "KK", InitPre: true, RespPre: true, Messages: [][]Token{{E, ES, SS}, {E, EE, SE}}},
	{Name: "KX", InitPre: true, Messages: [][]Token{{E}, {E, EE, SE, S, ES}}},
	{Name: "IN", Messages: [][]Token{{E, S}, {E, EE, SE}}},
	{Name: "IK", RespPre: true, Messages: [][]Token{{E, ES, S, SS}, {E, EE, SE}}},
	{Name: "IX", Messages: [][]Token{{E, S}, {E, EE, SE, S, ES}}},
	{Name: "XXhfs", Messages: [][]Token{{E, E1}, {E, EE, Ekem1, S, ES}, {S, SE}}},
	XKhfs,
}

// PatternByName finds a pattern in [Patterns]; nil if there is none.
func PatternByName(name string) *Pattern {
	for _, p := range Patterns {
		if p.Name == name {
			return p
		}
	}
	return nil
}
