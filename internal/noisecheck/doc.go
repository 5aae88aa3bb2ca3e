// Package noisecheck checks the Noise engine and the known answers against code
// that does not come from this project. It is a module of its own, so that nobody
// who uses Vatnet pays for what it needs.
//
//   - reference.go is our one suite written out step by step from spec/, with
//     X25519 and ML-KEM from github.com/cloudflare/circl and the cipher and hash
//     functions of github.com/flynn/noise. It shares no line with internal/noise.
//   - The known answers in spec/vectors are made by it. A test here checks that the
//     committed files are what it makes ("go test . -update" writes them), and tests
//     in package crypto check that crypto says the same.
//   - More than 10,000 handshakes in all other patterns run between the engine and
//     github.com/flynn/noise.
package noisecheck
