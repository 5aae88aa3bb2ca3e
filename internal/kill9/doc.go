// Package kill9 has the test that kills: a vat with a store, in a process of its own, is sent
// entries for a log and killed at some moment, and again, and again. After each start the
// log has to have everything that was ever acknowledged, nothing twice, and nothing out of
// order; what one turn has changed in several objects is all there or not at all; and the store is
// not damaged. What was reported revoked must not come back, either.
//
//	go test ./internal/kill9 -cycles 5000 -seed 7
//
// A process that is killed loses nothing that it has written. A machine that loses its power does: what was not waited for. So
// there is another test, in which the vat runs on a simulated disk (package simdisk), and is started on what such
// moments leave of that; see TestPowerLoss.
//
//	go test ./internal/kill9 -run PowerLoss -crashseeds 200 -crashimages 1000 -seed 7
package kill9
