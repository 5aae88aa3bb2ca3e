package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	bad, err := report(false, false, "locator | verb", "finishes of what is finished")
	require.NoError(t, err)
	require.Zero(t, bad)
}
