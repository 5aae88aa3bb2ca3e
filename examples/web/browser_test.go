package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser is a headless Chromium that is told what to do by the DevTools protocol:
// messages of JSON over two pipes, each with a zero behind it.
type browser struct {
	cmd     *exec.Cmd
	to      *os.File
	pipe    *os.File
	from    *bufio.Reader // of pipe
	session string
	last    int
}

// patience is how long the browser may take to take or say something.
const patience = time.Minute

// browse starts a browser with one page.
func browse(t *testing.T, chromium string) *browser {
	t.Helper()
	theirs, to, err := os.Pipe()
	require.NoError(t, err)
	from, their, err := os.Pipe()
	require.NoError(t, err)
	profile, err := os.MkdirTemp("", "vatnet-web-*") // not t.TempDir: its last process may still write
	require.NoError(t, err)
	cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--user-data-dir="+profile)
	cmd.ExtraFiles = []*os.File{theirs, their} // 3 and 4
	require.NoError(t, cmd.Start())
	require.NoError(t, theirs.Close())
	require.NoError(t, their.Close())
	b := &browser{cmd: cmd, to: to, pipe: from, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		if cmd.ProcessState == nil { // the test failed
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		_ = to.Close()
		_ = from.Close()
		_ = os.RemoveAll(profile)
	})
	target := b.do(t, "Target.createTarget", map[string]any{"url": "about:blank"})
	attached := b.do(t, "Target.attachToTarget", map[string]any{"targetId": target["targetId"], "flatten": true})
	b.session = attached["sessionId"].(string)
	b.do(t, "Page.enable", nil)
	return b
}

// message is what comes: an answer, or an event.
type message struct {
	ID     int
	Method string
	Result map[string]any
	Error  any
}

// do has the browser do something, and waits for the answer.
func (b *browser) do(t *testing.T, method string, params map[string]any) map[string]any {
	t.Helper()
	b.send(t, method, params)
	m := b.next(t, func(m message) bool { return m.ID == b.last })
	require.Nil(t, m.Error, method)
	return m.Result
}

func (b *browser) send(t *testing.T, method string, params map[string]any) {
	t.Helper()
	b.last++
	ask := map[string]any{"id": b.last, "method": method, "params": params}
	if params == nil {
		ask["params"] = map[string]any{}
	}
	if b.session != "" {
		ask["sessionId"] = b.session
	}
	text, err := json.Marshal(ask)
	require.NoError(t, err)
	require.NoError(t, b.to.SetWriteDeadline(time.Now().Add(patience)))
	_, err = b.to.Write(append(text, 0))
	require.NoError(t, err)
}

// next reads until a message comes that is wanted.
func (b *browser) next(t *testing.T, wanted func(message) bool) message {
	t.Helper()
	for {
		require.NoError(t, b.pipe.SetReadDeadline(time.Now().Add(patience)))
		text, err := b.from.ReadBytes(0)
		require.NoError(t, err, "the browser has gone, or fallen silent")
		var m message
		require.NoError(t, json.Unmarshal(text[:len(text)-1], &m))
		if wanted(m) {
			return m
		}
	}
}

// open opens a page, by way of an empty one, and waits until it has loaded.
func (b *browser) open(t *testing.T, where string) {
	t.Helper()
	for _, where := range []string{"about:blank", where} {
		b.send(t, "Page.navigate", map[string]any{"url": where})
		b.next(t, func(m message) bool { return m.Method == "Page.loadEventFired" })
	}
}

// eval evaluates an expression in the page, and waits for what it promises.
func (b *browser) eval(t *testing.T, expression string) any {
	t.Helper()
	answer := b.do(t, "Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true,
	})
	require.NotContains(t, answer, "exceptionDetails", expression)
	return answer["result"].(map[string]any)["value"]
}

// until is an expression: a promise for the elements that match, when there are so
// many.
func until(selector string, n int) string {
	return fmt.Sprintf(`new Promise(done => {
		const look = () => {
			const found = document.querySelectorAll(%q);
			if (found.length >= %d) done([...found]);
		};
		new MutationObserver(look).observe(document, {childList: true, subtree: true});
		look();
	})`, selector, n)
}

// close ends the browser.
func (b *browser) close(t *testing.T) {
	t.Helper()
	b.session = ""
	b.send(t, "Browser.close", nil)
	require.NoError(t, b.pipe.SetReadDeadline(time.Now().Add(patience)))
	_, err := io.Copy(io.Discard, b.from)
	require.NoError(t, err)
	defer time.AfterFunc(patience, func() { _ = b.cmd.Process.Kill() }).Stop()
	require.NoError(t, b.cmd.Wait())
}
