package sturdyref_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/crypto"
	"github.com/vatnet/vatnet/sturdyref"
)

func TestDonor(t *testing.T) {
	vat := crypto.IdentityFromSeed([32]byte{5}).VatID()
	made, err := sturdyref.New(vat, []string{"127.0.0.1:7000"}, sturdyref.SwissnumOf([sturdyref.SwissnumSize]byte{1, 2, 3}))
	require.NoError(t, err)
	uri := made.URI()
	same, err := sturdyref.ParseTold(uri, crypto.VatID{1})
	require.NoError(t, err)
	_, told := same.Donor()
	require.False(t, told, "the program has it")
	require.True(t, made == same)
	runtime.KeepAlive(made)
	made, same = sturdyref.Ref{}, sturdyref.Ref{}

	var first sturdyref.Ref
	for told = false; !told; _, told = first.Donor() {
		first = sturdyref.Ref{}
		runtime.GC() // until it is forgotten
		first, err = sturdyref.ParseTold(uri, crypto.VatID{1})
		require.NoError(t, err)
	}
	second, err := sturdyref.ParseTold(uri, crypto.VatID{2})
	require.NoError(t, err)
	donor, told := second.Donor()
	require.True(t, told)
	require.Equal(t, crypto.VatID{1}, donor, "who told it first")

	parsed, err := sturdyref.Parse(uri)
	require.NoError(t, err)
	_, told = first.Donor()
	require.False(t, told, "the program vouches for it")
	require.True(t, parsed == first)

	_, err = sturdyref.ParseTold("captp://", crypto.VatID{})
	require.Error(t, err)
	_, told = sturdyref.Ref{}.Donor()
	require.False(t, told)
}
