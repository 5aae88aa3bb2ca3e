//go:build !unix

package link

import "net"

// tryWriterOf gives nil for sockets: this system has no write that does not wait,
// so the writer goroutine does every one.
func tryWriterOf(conn net.Conn) tryWriter {
	t, _ := conn.(tryWriter)
	return t
}
