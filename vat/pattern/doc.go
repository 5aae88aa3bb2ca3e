// Package pattern is the classic ways to give somebody less than all, or to take it back,
// and to deal with those whom one does not trust:
//
//   - a caretaker ([NewCaretaker]) passes everything on to an object, until it is revoked;
//   - a facet ([NewFacet]) passes on some verbs only;
//   - a membrane ([NewMembrane]) is a caretaker for all that is reached through it, in both directions,
//     and is revoked as a whole, at once;
//   - a sealer and an unsealer ([NewSealer]) let a value pass through many hands, of which none
//     can look into it;
//   - a mint, its purses ([NewMint]) and an escrow exchange ([NewExchange]) are money: rights that can be
//     handed over but not copied.
//
// They are objects, of the vat that first exports or sends them, and go wherever references go: as
// arguments and results, and as sturdyrefs.
//
// # Which one
//
// To take back a sturdyref that was given, revoke its grant: see [vat.Vat.Grant]. A caretaker is for a
// reference to somebody else's object, or one that is handed over in a message; it severs that object, and nothing
// that was got from it before. A membrane severs these, too. A facet attenuates the object, not what it
// returns: if one of the verbs returns the object itself, it gives away all.
//
// Neither looks into messages. What is text there, or a sturdyref, passes even a membrane as it is, and so
// does what two objects at both sides of it agree upon otherwise.
package pattern
