package vat_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/vat"
	"github.com/vatnet/vatnet/vat/vattest"
)

// A function of Go may end its vat, and another vat; it is not waited for by its own.
// A Close that waited for itself would hang.
func TestAFunctionOfGoEndsItsVat(t *testing.T) {
	for name, end := range map[string]func(*vat.Vat) error{
		"close":    (*vat.Vat).Close,
		"shutdown": func(v *vat.Vat) error { return v.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := vattest.NewNetwork()
				v, other := net.Vat(t, "v", quiet()), net.Vat(t, "other", quiet())
				ended, again := make(chan error, 2), make(chan error, 1)
				closing := make(chan struct{})
				waited := false
				vat.Go(other, func(ctx context.Context) (int, error) {
					<-ctx.Done()
					waited = true
					return 0, nil
				})
				vat.Go(v, func(context.Context) (int, error) {
					<-closing
					again <- end(v) // two at once
					return 0, nil
				})
				vat.Go(v, func(context.Context) (int, error) {
					err := end(other)
					if !waited {
						t.Error("the functions of another vat are waited for")
					}
					ended <- err
					close(closing)
					ended <- end(v)
					return 0, nil
				})
				require.NoError(t, <-ended)
				require.NoError(t, <-ended)
				require.NoError(t, <-again)
				require.NoError(t, v.Close(), "closed already")
				p, _ := vat.NewPromise[int](v)
				_, err := p.Await(t.Context())
				require.ErrorIs(t, err, vat.ErrClosed)
			})
		})
	}
}
