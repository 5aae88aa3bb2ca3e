// Package outcome writes to a vat's log how handshakes and sessions ended, each as one code of the closed list in
// spec/outcomes.md, at a rate that no peer can drive up.
//
// What a peer did wrong (auth, proto, limit) is a warning; what befell the connection (peer) is for debugging: programs
// end, and lines break, every day. Beyond the rate warnings are for debugging, too, and the next one says how many were.
package outcome

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// The rate of warnings.
const (
	PerSecond = 5
	Burst     = 20
)

// Log is where outcomes are reported. Make one with New. Safe for concurrent use.
type Log struct {
	mu         sync.Mutex
	log        *slog.Logger
	spent      float64 // of the burst
	at         time.Time
	suppressed int
}

// New makes a Log that writes to l.
func New(l *slog.Logger) *Log { return &Log{log: l} }

// Report writes that something ended with code; attrs are as for slog.Logger.Log.
// Texts of a peer's making are the logger's to quote.
func (l *Log) Report(message, code string, attrs ...any) {
	level := slog.LevelWarn
	if strings.HasPrefix(code, "peer.") {
		level = slog.LevelDebug
	}
	attrs = append([]any{"outcome", code}, attrs...)
	if level > slog.LevelDebug {
		n, ok := l.take(time.Now())
		if !ok {
			level = slog.LevelDebug
		} else if n > 0 {
			attrs = append(attrs, "suppressed", n)
		}
	}
	l.log.Log(context.Background(), level, message, attrs...)
}

// take takes a token if there is one, and gives the number of reports that had none.
func (l *Log) take(now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := now.Sub(l.at); d > 0 {
		l.spent = max(0, l.spent-d.Seconds()*PerSecond)
	}
	l.at = now
	if l.spent+1 > Burst {
		l.suppressed++
		return 0, false
	}
	l.spent++
	suppressed, l.suppressed = l.suppressed, 0
	return suppressed, true
}
