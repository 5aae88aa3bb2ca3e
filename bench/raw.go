package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync"

	"github.com/vatnet/vatnet/crypto"
)

// pingSize is the size of the raw messages: about that of a small call.
const pingSize = 100

// dialPair gives the two ends of a loopback TCP connection.
func dialPair() (client, server net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept() // nil on error: the dial below then fails too
		accepted <- c
	}()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	return client, <-accepted, nil
}

// setupRaw is the floor: 100 bytes there and back, nothing else.
func setupRaw() ([]bench, func(), error) {
	client, server, err := dialPair()
	if err != nil {
		return nil, nil, err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, pingSize)
		for {
			if _, err := io.ReadFull(server, buf); err != nil {
				return
			}
			if _, err := server.Write(buf); err != nil {
				return
			}
		}
	})
	buf := make([]byte, pingSize)
	ping := func(n int) error {
		for range n {
			if _, err := client.Write(buf); err != nil {
				return err
			}
			if _, err := io.ReadFull(client, buf); err != nil {
				return err
			}
		}
		return nil
	}
	stop := func() { client.Close(); server.Close(); wg.Wait() }
	return []bench{{name: "raw/pingpong", run: ping}}, stop, nil
}

// sealedConn reads and writes one record at a time.
type sealedConn struct {
	conn net.Conn
	sec  *crypto.Secured
	in   [2 + crypto.MaxRecord]byte
	out  []byte
}

func (c *sealedConn) write(body []byte) error {
	c.out = c.sec.Seal.Seal(c.out[:0], crypto.RecordData, body)
	_, err := c.conn.Write(c.out)
	return err
}

func (c *sealedConn) read() ([]byte, error) {
	if _, err := io.ReadFull(c.conn, c.in[:2]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(c.in[:2]))
	if _, err := io.ReadFull(c.conn, c.in[2:2+n]); err != nil {
		return nil, err
	}
	_, body, err := c.sec.Open.Open(c.in[2 : 2+n])
	return body, err
}

// setupSealed is the same ping-pong through our handshake and record layer.
func setupSealed() ([]bench, func(), error) {
	client, server, err := dialPair()
	if err != nil {
		return nil, nil, err
	}
	us, err := crypto.NewIdentity()
	if err != nil {
		return nil, nil, err
	}
	them, err := crypto.NewIdentity()
	if err != nil {
		return nil, nil, err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		sec, err := crypto.Accept(server, &crypto.AcceptConfig{Identity: them, Hello: hello})
		if err != nil {
			return
		}
		c := &sealedConn{conn: server, sec: sec}
		for {
			body, err := c.read()
			if err != nil || c.write(body) != nil {
				return
			}
		}
	})
	sec, err := crypto.Dial(client, &crypto.DialConfig{Identity: us, Peer: them.VatID(), Hello: hello})
	if err != nil {
		return nil, nil, err
	}
	c := &sealedConn{conn: client, sec: sec}
	body := make([]byte, pingSize)
	ping := func(n int) error {
		for range n {
			if err := c.write(body); err != nil {
				return err
			}
			if _, err := c.read(); err != nil {
				return err
			}
		}
		return nil
	}
	stop := func() { client.Close(); server.Close(); wg.Wait() }
	return []bench{{name: "sealed/pingpong", run: ping}}, stop, nil
}

var hello = crypto.Hello{MinVersion: 1, MaxVersion: 1, Epoch: 1, Session: 1, Credit: crypto.Credit{Calls: 4096, Bytes: 16 << 20}}
