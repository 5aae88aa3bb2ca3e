// Package kill9 has the test that kills: a vat with a store, in a process of its own, is sent
// entries for a log and killed at some moment, and again, and again. After each start the
// log has to have everything that was ever acknowledged, nothing twice, and nothing out of
// order; what one turn has changed in several objects is all there or not at all; and the store is
// not damaged. What was reported revoked must not come back, either.
//
//	go test ./internal/kill9 -cycles 5000 -seed 7
package kill9
