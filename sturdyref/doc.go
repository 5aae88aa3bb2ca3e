// Package sturdyref holds the one thing that confers authority in this network: the sturdyref, a URI that names a
// vat, says where it may be found, and carries the secret (the swissnum) that reaches one object of it.
//
//	captp://<vat id, 56 characters>@<host:port>[,<host:port>…]/<swissnum, 56 characters>
//
// Who holds the URI can reach the object, and nothing else. So the type is made to be passed about without care: a
// [Ref] redacts itself under every verb of fmt, in slog, in JSON and in errors, also when it stands in an unexported
// field of another struct. Only [Ref.URI] reveals it.
//
// # Getting and giving one
//
// [Parse] reads a URI. It accepts one canonical form and nothing else, finds a typing error by the check digits before
// a packet leaves, and says what is wrong, where, and what to do, without ever quoting the text: any part of it may be
// the secret, pasted to the wrong place.
//
// Keep sturdyrefs in files, and hand over the file: [WriteFile] writes one that only its owner can read and never
// overwrites; [ReadFile] reads one and warns when others can read it too. By convention their names end in ".cap".
// Keep them out of command lines, which every user of the machine can see and the shell remembers; [Open] takes an
// argument that says where one is.
//
// # What a vat keeps
//
// A vat that exports an object makes a swissnum with [NewSwissnum], gives it away in a Ref, and stores only its
// [SwissHash]. The hash finds the object when somebody presents the swissnum, and is worthless to a thief.
//
// Values of this package are immutable and may be used by several goroutines at once. spec/uri.md is the normative
// text.
package sturdyref
