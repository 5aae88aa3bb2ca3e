package pattern

// Pending returns how many messages are on their way through a membrane.
func Pending(g *Gate) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.pending)
}
