package noisecheck

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// identityAnswers, handshakeAnswers and recordAnswers are the files in spec/vectors. All bytes
// are in hexadecimal.
type identityAnswers struct {
	Comment    string           `json:"comment"`
	Identities []identityAnswer `json:"identities"`
}

type identityAnswer struct {
	Seed   string `json:"seed"`
	Static string `json:"static_private"`
	Store  string `json:"store_key"`
	Public string `json:"vat_id_bytes"`
	Text   string `json:"vat_id"`
	Plain  string `json:"plain_key_file"`
}

type handshakeAnswers struct {
	Comment    string            `json:"comment"`
	Handshakes []handshakeAnswer `json:"handshakes"`
}

type handshakeAnswer struct {
	DiallerSeed        string `json:"dialler_seed"`
	ResponderSeed      string `json:"responder_seed"`
	DiallerEphemeral   string `json:"dialler_ephemeral_private"`
	ResponderEphemeral string `json:"responder_ephemeral_private"`
	KEMSeed            string `json:"dialler_kem_seed_d_z"`
	KEMRandomness      string `json:"responder_kem_encaps_randomness"`
	ResponderHello     hello  `json:"responder_hello"`
	DiallerHello       hello  `json:"dialler_hello"`
	Message1           string `json:"message_1"`
	Busy               string `json:"busy_answer"`
	Message2           string `json:"message_2"`
	Message3           string `json:"message_3"`
	Hash               string `json:"handshake_hash"`
	Key1               string `json:"key_from_dialler"`
	Key2               string `json:"key_from_responder"`
}

type recordAnswers struct {
	Comment string         `json:"comment"`
	Key     string         `json:"key"`
	Records []recordAnswer `json:"records"`
}

type recordAnswer struct {
	N        uint64 `json:"counter"`
	Type     uint8  `json:"type"`
	Body     string `json:"body,omitempty"`
	BodySize int    `json:"body_of_zeros,omitempty"`
	Padded   bool   `json:"padded"`
	Record   string `json:"record,omitempty"`
	Digest   string `json:"record_sha256,omitempty"` // for long ones
}

// answers makes all files, by name.
func answers() map[string][]byte {
	return map[string][]byte{
		"identity.json":  encode(makeIdentities()),
		"handshake.json": encode(makeHandshakes()),
		"records.json":   encode(makeRecords()),
	}
}

func encode(v any) []byte {
	b, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

const madeBy = "made by internal/noisecheck; bytes are in hexadecimal; see spec/"

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

// spread gives n bytes that depend on a name only.
func spread(name string, n int) (out []byte) {
	for block := byte(0); len(out) < n; block++ {
		sum := sha256.Sum256(append([]byte(name), block))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

func makeIdentities() (a identityAnswers) {
	a.Comment = madeBy + "identity.md"
	for _, seed := range [][]byte{fill(0x01, 32), fill(0xff, 32), spread("seed of a vat", 32)} {
		v := newVat(seed)
		plain := append([]byte("vatnet-key-1\n\x00"), seed...)
		plain = append(plain, sha([]byte("vatnet v1 key file"), plain)[:8]...)
		a.Identities = append(a.Identities, identityAnswer{
			hex.EncodeToString(seed), hex.EncodeToString(v.static), hex.EncodeToString(v.store),
			hex.EncodeToString(v.id), v.text(), hex.EncodeToString(plain),
		})
	}
	return a
}

func makeHandshakes() (a handshakeAnswers) {
	a.Comment = madeBy + "handshake.md"
	one := private{fill(0x13, 32), fill(0x14, 32), fill(0x15, 64), fill(0x16, 32)}
	two := private{spread("dialler's ephemeral", 32), spread("responder's ephemeral", 32), spread("KEM seed", 64), spread("KEM randomness", 32)}
	for _, c := range []struct {
		dialler, responder         []byte
		private                    private
		fromResponder, fromDialler hello
	}{
		{fill(0x11, 32), fill(0x12, 32), one, hello{Min: 1, Max: 1}, hello{Min: 1, Max: 1}},
		{
			spread("dialler", 32), spread("responder", 32), two,
			hello{1, 2, 0xf0, 1764000000, 3, 4096, 16 << 20, []string{"vat.example:7171", "[2001:db8::1]:7171"}},
			hello{1, 1, 0x3f, 1<<64 - 1, 1<<64 - 2, 1<<32 - 1, 1<<64 - 3, []string{"192.0.2.7:1"}},
		},
	} {
		p := c.private
		r := handshake(newVat(c.dialler), newVat(c.responder), p, c.fromResponder.payload(), c.fromDialler.payload())
		h := hex.EncodeToString
		a.Handshakes = append(a.Handshakes, handshakeAnswer{
			h(c.dialler), h(c.responder), h(p.diallerEphemeral), h(p.responderEphemeral), h(p.kemSeed), h(p.kemRandomness),
			c.fromResponder, c.fromDialler,
			h(r.message1), h(r.busy), h(r.message2), h(r.message3), h(r.hash), h(r.key1), h(r.key2),
		})
	}
	return a
}

func makeRecords() (a recordAnswers) {
	a.Comment = madeBy + "records.md; counters that are not listed are data records with empty bodies, unpadded"
	key := spread("key of a direction", 32)
	a.Key = hex.EncodeToString(key)
	d := direction{key: key}
	want := map[uint64]recordAnswer{
		0: {Type: 1, Body: hex.EncodeToString([]byte("foot")), Padded: true},
		1: {Type: 1, Body: hex.EncodeToString([]byte("foot"))},
		2: {Type: 2}, 3: {Type: 3, Padded: true}, 4: {Type: 4}, 5: {Type: 5},
		6: {Type: 1, BodySize: 97, Padded: true}, 7: {Type: 1, BodySize: 1500, Padded: true},
		8: {Type: 1, BodySize: 40000, Padded: true}, 9: {Type: 1, BodySize: 65000, Padded: true},
		10: {Type: 1, BodySize: 65516, Padded: true}, 11: {Type: 1, BodySize: 65516},
		16383: {Type: 1, Body: "01"}, 16384: {Type: 1, Body: "02"}, 32767: {Type: 1, Body: "03"}, 32768: {Type: 6, Padded: true},
	}
	for d.n <= 32768 {
		n := d.n
		w, listed := want[n]
		if !listed {
			w = recordAnswer{Type: 1}
		}
		body, err := hex.DecodeString(w.Body)
		if err != nil {
			panic(err)
		}
		record, err := d.seal(w.Type, append(body, make([]byte, w.BodySize)...), w.Padded)
		if err != nil {
			panic(err)
		}
		if !listed {
			continue
		}
		w.N = n
		if len(record) > 256 {
			w.Digest = hex.EncodeToString(sha(record))
		} else {
			w.Record = hex.EncodeToString(record)
		}
		a.Records = append(a.Records, w)
	}
	return a
}
