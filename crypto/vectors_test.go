package crypto

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/noise"
	"github.com/vatnet/vatnet/spec"
)

// answers reads a file of known answers, which internal/noisecheck made.
func answers(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("../spec/vectors/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

// hexBytes is hexadecimal in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func TestKnownIdentities(t *testing.T) {
	spec.Covers(t, "ID-1", "ID-2", "ID-4")
	var v struct {
		Identities []struct {
			Seed   hexBytes `json:"seed"`
			Static hexBytes `json:"static_private"`
			Store  hexBytes `json:"store_key"`
			Public hexBytes `json:"vat_id_bytes"`
			Text   string   `json:"vat_id"`
			Plain  hexBytes `json:"plain_key_file"`
		}
	}
	answers(t, "identity.json", &v)
	require.Len(t, v.Identities, 3)
	for _, c := range v.Identities {
		id := IdentityFromSeed([32]byte(c.Seed))
		store := id.StoreKey()
		require.Equal(t, []byte(c.Static), id.secrets().static.Bytes())
		require.Equal(t, []byte(c.Store), store[:])
		require.Equal(t, VatID(c.Public), id.VatID())
		require.Equal(t, c.Text, id.VatID().String())
		parsed, err := ParseVatID(c.Text)
		require.NoError(t, err)
		require.Equal(t, id.VatID(), parsed)
		require.Equal(t, []byte(c.Plain), encodePlainKey([32]byte(c.Seed)))
		back, err := readKey(t, c.Plain, nil)
		require.NoError(t, err)
		require.Equal(t, id.VatID(), back.VatID())
	}
}

type knownHello struct {
	Min      uint16   `json:"min_version"`
	Max      uint16   `json:"max_version"`
	Features uint64   `json:"features"`
	Epoch    uint64   `json:"epoch"`
	Session  uint64   `json:"session"`
	Calls    uint32   `json:"credit_calls"`
	Bytes    uint64   `json:"credit_bytes"`
	Hints    []string `json:"hints"`
}

func (h knownHello) hello() Hello {
	return Hello{h.Min, h.Max, h.Features, h.Epoch, h.Session, Credit{h.Calls, h.Bytes}, h.Hints}
}

func TestKnownHandshakes(t *testing.T) {
	spec.Covers(t, "HS-1", "HS-15")
	var v struct {
		Handshakes []struct {
			DiallerSeed        hexBytes   `json:"dialler_seed"`
			ResponderSeed      hexBytes   `json:"responder_seed"`
			DiallerEphemeral   hexBytes   `json:"dialler_ephemeral_private"`
			ResponderEphemeral hexBytes   `json:"responder_ephemeral_private"`
			KEMSeed            hexBytes   `json:"dialler_kem_seed_d_z"`
			KEMRandomness      hexBytes   `json:"responder_kem_encaps_randomness"`
			ResponderHello     knownHello `json:"responder_hello"`
			DiallerHello       knownHello `json:"dialler_hello"`
			Message1           hexBytes   `json:"message_1"`
			Busy               hexBytes   `json:"busy_answer"`
			Message2           hexBytes   `json:"message_2"`
			Message3           hexBytes   `json:"message_3"`
			Hash               hexBytes   `json:"handshake_hash"`
			Key1               hexBytes   `json:"key_from_dialler"`
			Key2               hexBytes   `json:"key_from_responder"`
		}
	}
	answers(t, "handshake.json", &v)
	require.Len(t, v.Handshakes, 2)
	for _, c := range v.Handshakes {
		a, b := IdentityFromSeed([32]byte(c.DiallerSeed)), IdentityFromSeed([32]byte(c.ResponderSeed))
		kem, err := mlkem.NewDecapsulationKey768(c.KEMSeed)
		require.NoError(t, err)
		i, err := newInitiator(a, b.VatID(), c.DiallerHello.hello(), &noise.Config{Ephemeral: private(t, c.DiallerEphemeral), KEM: kem})
		require.NoError(t, err)
		r, err := newResponder(b, c.ResponderHello.hello(), &noise.Config{
			Ephemeral: private(t, c.ResponderEphemeral),
			Encapsulate: func(ek *mlkem.EncapsulationKey768) (shared, ciphertext []byte) {
				shared, ciphertext, err := mlkemtest.Encapsulate768(ek, c.KEMRandomness)
				require.NoError(t, err)
				return shared, ciphertext
			},
		})
		require.NoError(t, err)
		require.Equal(t, []byte(c.Message1), i.Message1())
		message2, err := r.Message1(i.Message1())
		require.NoError(t, err)
		require.Equal(t, []byte(c.Message2), message2)
		require.Equal(t, []byte(c.Busy), r.Busy())
		hello, message3, err := i.Message2(message2)
		require.NoError(t, err)
		require.Equal(t, []byte(c.Message3), message3)
		require.Equal(t, c.ResponderHello.hello(), hello)
		peer, hello, err := r.Message3(message3)
		require.NoError(t, err)
		require.Equal(t, a.VatID(), peer)
		require.Equal(t, c.DiallerHello.hello(), hello)
		for _, h := range []*handshake{&i.handshake, &r.handshake} {
			require.Equal(t, []byte(c.Hash), h.Transcript())
		}
		require.Equal(t, [32]byte(c.Key1), i.seal.cs.Key())
		require.Equal(t, [32]byte(c.Key2), i.open.cs.Key())
		require.Equal(t, [32]byte(c.Key1), r.open.cs.Key())
		require.Equal(t, [32]byte(c.Key2), r.seal.cs.Key())
	}
}

func TestKnownRecords(t *testing.T) {
	spec.Covers(t, "REC-5", "REC-6", "REC-9")
	var v struct {
		Key     hexBytes
		Records []struct {
			N      uint64   `json:"counter"`
			Type   uint8    `json:"type"`
			Body   hexBytes `json:"body"`
			Zeros  int      `json:"body_of_zeros"`
			Padded bool     `json:"padded"`
			Record hexBytes `json:"record"`
			Digest hexBytes `json:"record_sha256"`
		}
	}
	answers(t, "records.json", &v)
	require.Len(t, v.Records, 16)
	s, o := DirectionForTest([32]byte(v.Key))
	for _, c := range v.Records {
		s.NoPadding = true
		for s.Records() < c.N {
			record := s.Seal(nil, RecordData, nil)
			_, _, err := o.Open(record[LengthSize:])
			require.NoError(t, err)
		}
		s.NoPadding = !c.Padded
		body := append(bytes.Clone(c.Body), make([]byte, c.Zeros)...)
		record := s.Seal(nil, RecordType(c.Type), body)
		if c.Digest != nil {
			digest := sha256.Sum256(record)
			require.Equal(t, []byte(c.Digest), digest[:], "counter %d", c.N)
		} else {
			require.Equal(t, []byte(c.Record), record, "counter %d", c.N)
		}
		kind, got, err := o.Open(record[LengthSize:])
		require.NoError(t, err)
		require.Equal(t, RecordType(c.Type), kind)
		require.True(t, bytes.Equal(body, got))
	}
}
