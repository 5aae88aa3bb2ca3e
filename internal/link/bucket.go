package link

import "time"

// bucket is a token bucket: rate tokens per second, at most burst of them. The
// zero bucket is full; it is a value without lock or clock.
type bucket struct {
	spent float64 // tokens taken and not yet grown back
	at    time.Time
}

// take takes a token if there is one.
func (b *bucket) take(now time.Time, rate, burst float64) bool {
	b.settle(now, rate)
	if b.spent+1 > burst {
		return false
	}
	b.spent++
	return true
}

// reserve takes a token even if there is none yet, and tells how long to wait for it.
func (b *bucket) reserve(now time.Time, rate, burst float64) time.Duration {
	b.settle(now, rate)
	b.spent++
	if b.spent <= burst {
		return 0
	}
	return time.Duration((b.spent - burst) / rate * float64(time.Second))
}

// full tells that all tokens have grown back.
func (b *bucket) full(now time.Time, rate float64) bool {
	b.settle(now, rate)
	return b.spent == 0
}

func (b *bucket) settle(now time.Time, rate float64) {
	if d := now.Sub(b.at); d > 0 {
		b.spent = max(0, b.spent-d.Seconds()*rate)
	}
	b.at = now
}
