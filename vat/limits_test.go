package vat

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a program sets is what those who hold to it get.
func TestLimitsReachTheMachine(t *testing.T) {
	cfg := &Config{Logger: slog.New(slog.DiscardHandler)}
	cfg.MaxPending = 7
	cfg.Limits.Protocol = ProtocolLimits{MaxMessage: 4096, OpenCalls: 3, HardBytes: 5 << 20}
	v, err := New(cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close()) }()
	got := v.core.machine.Limits()
	require.Equal(t, 4096, got.MaxMessage)
	require.Equal(t, 3, got.OpenCalls)
	require.EqualValues(t, 5<<20, got.HardBytes)
	require.Equal(t, 7, got.MaxPending, "Config.MaxPending, if there is no other")
	require.Equal(t, 9, ProtocolLimits{MaxPending: 9}.machine(7).MaxPending)
	require.Equal(t, 64, got.Depth, "the default")
	require.Equal(t, 5, SessionLimits{Handshakes: 5}.link().Handshakes)
}
