package outcome_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/outcome"
)

func TestLevels(t *testing.T) {
	for code, level := range map[string]string{
		"auth.mac": "WARN", "proto.id": "WARN", "limit.bytes": "WARN", "peer.lost": "DEBUG", "peer.closed": "DEBUG",
	} {
		var b bytes.Buffer
		outcome.New(logger(&b)).Report("session ended", code, "peer", "x\n")
		require.Contains(t, b.String(), "level="+level)
		require.Contains(t, b.String(), "outcome="+code+` peer="x\n"`)
	}
}

func TestNoPeerDrivesTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		l := outcome.New(logger(&b))
		for range 10_000 {
			l.Report("session ended", "proto.id")
		}
		require.Equal(t, outcome.Burst, strings.Count(b.String(), "level=WARN"))
		require.Equal(t, 10_000-outcome.Burst, strings.Count(b.String(), "level=DEBUG"))
		time.Sleep(time.Second) // of the bubble's clock
		b.Reset()
		l.Report("session ended", "proto.id")
		require.Contains(t, b.String(), "level=WARN")
		require.Contains(t, b.String(), "suppressed=9980")
	})
}

func logger(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
