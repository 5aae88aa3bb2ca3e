// Durablelog is the log service with a memory: whatever it has acknowledged is there
// when it is started again, however it ended, and the URI of before leads to it.
//
//	go run ./examples/durablelog -dir log.vat [-listen ADDR]   # serves, and prints the URI: the same each time
//	go run ./examples/durablelog log.vat/log.cap foot shoe     # logs lines, and prints all that it has
//
// server.go and client.go are one half each.
package main

import (
	"flag"

	"github.com/vatnet/vatnet/vat/program"
)

var dir = flag.String("dir", "log.vat", "`directory` of the vat: its key, its log, and the file log.cap with the URI")

func main() { program.MainIn(dir, serve, client) }
