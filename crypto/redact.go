package crypto

import (
	"fmt"
	"io"
	"log/slog"
)

// What holds session keys prints as its kind and how far it is, whatever the verb.

func (s *Sealer) redacted() string { return fmt.Sprintf("crypto.Sealer(%d records)", s.Records()) }
func (o *Opener) redacted() string { return fmt.Sprintf("crypto.Opener(%d records)", o.Records()) }

func (i *Initiator) redacted() string {
	return "crypto.Initiator(" + i.self.Short() + " to " + i.peer.Short() + ")"
}
func (r *Responder) redacted() string { return "crypto.Responder(" + r.self.Short() + ")" }

// Format writes the redacted form, whatever the verb.
func (s *Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.redacted()) }

// Format writes the redacted form, whatever the verb.
func (o *Opener) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.redacted()) }

// Format writes the redacted form, whatever the verb.
func (i *Initiator) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, i.redacted()) }

// Format writes the redacted form, whatever the verb.
func (r *Responder) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.redacted()) }

// LogValue gives the redacted form to slog.
func (s *Sealer) LogValue() slog.Value { return slog.StringValue(s.redacted()) }

// LogValue gives the redacted form to slog.
func (o *Opener) LogValue() slog.Value { return slog.StringValue(o.redacted()) }

// LogValue gives the redacted form to slog.
func (i *Initiator) LogValue() slog.Value { return slog.StringValue(i.redacted()) }

// LogValue gives the redacted form to slog.
func (r *Responder) LogValue() slog.Value { return slog.StringValue(r.redacted()) }
