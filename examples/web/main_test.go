package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/exampletest"
)

// post does what curl does.
func post(t *testing.T, link, body string) (status int, answer string) {
	t.Helper()
	where, secret, _ := strings.Cut(link, "#")
	r, err := http.NewRequestWithContext(t.Context(), "POST", where+"call", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+secret)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func TestPrograms(t *testing.T) {
	p := exampletest.Build(t)
	server := p.Start(t)
	gateway := p.Start(t, server.Cap(t))
	gateway.Say(t, "alice")
	alice := gateway.Line(t)
	gateway.Say(t, "bob")
	bob := gateway.Line(t)

	for _, c := range []struct {
		link, body string
		status     int
		answer     string
	}{
		{alice, `{"verb":"sign","args":["hello"]}`, 200, `{"result":null}`},
		{bob, `{"verb":"sign","args":["<b>hi</b>"]}`, 200, `{"result":null}`},
		{alice, `{"verb":"entries"}`, 200, `{"result":[{"text":"hello","who":"alice"},{"text":"\u003cb\u003ehi\u003c/b\u003e","who":"bob"}]}`},
		{alice, `{"verb":"sign","args":[5]}`, 422, `{"error":"vat: the arguments do not fit: sign: args[0]: int64 where string is wanted"}`},
		{alice, `{"verb":"visitor","args":["root"]}`, 422, `{"error":"vat: no such verb: Visitor has no verb \"visitor\""}`},
		{alice, `what?`, 400, `{"error":"want {\"verb\": \"…\", \"args\": […]}"}`},
		{alice + "x", `{"verb":"entries"}`, 403, `{"error":"there is no such link, or none any more"}`},
	} {
		status, answer := post(t, c.link, c.body)
		require.Equal(t, c.status, status, c.body)
		require.Equal(t, c.answer+"\n", answer, c.body)
		if c.status != 400 && !strings.Contains(c.body, "<b>") && c.link != alice+"x" && !strings.Contains(c.body, "entries") {
			exampletest.Shown(t, answer)
		}
	}
	where, _, _ := strings.Cut(bob, "#")
	resp, err := http.Get(where)
	require.NoError(t, err)
	defer resp.Body.Close()
	html, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(html), "<title>Guest book</title>")
	require.Equal(t, "no-referrer", resp.Header.Get("Referrer-Policy"))
	require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")

	gateway.Say(t, "-alice")
	require.Equal(t, "links taken back: 1", gateway.Line(t))
	status, _ := post(t, alice, `{"verb":"entries"}`)
	require.Equal(t, 403, status)
	status, _ = post(t, bob, `{"verb":"entries"}`)
	require.Equal(t, 200, status, "another's link is not taken back")

	server.Interrupt(t)
	status, _ = post(t, bob, `{"verb":"entries"}`)
	require.Equal(t, 502, status)
	gateway.Interrupt(t)
}

// recorder stands between a browser and the gateway, and keeps all that is asked.
type recorder struct {
	mu   sync.Mutex
	asks []string // each request but for the header Authorization
	keys []string // and that
}

func (r *recorder) record(ask *http.Request) {
	key := ask.Header.Get("Authorization")
	text, err := httputil.DumpRequest(ask, true)
	if err != nil {
		text = []byte(err.Error())
	}
	bare := strings.Replace(string(text), "\r\nAuthorization: "+key+"\r\n", "\r\n", 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asks, r.keys = append(r.asks, bare), append(r.keys, key)
}

// TestBrowser: somebody opens his link in Chromium, reads and signs. The secret leaves
// the browser in one header and nowhere else, and what others wrote stays text.
func TestBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no chromium: CI needs it")
		}
		t.Skip("no chromium in the path")
	}
	p := exampletest.Build(t)
	server := p.Start(t)
	gateway := p.Start(t, server.Cap(t))
	gateway.Say(t, "bob")
	const nasty = `<img src=x onerror="document.title='owned'">`
	text, err := json.Marshal(nasty)
	require.NoError(t, err)
	status, _ := post(t, gateway.Line(t), `{"verb":"sign","args":[`+string(text)+`]}`)
	require.Equal(t, 200, status)

	gateway.Say(t, "alice")
	link, err := url.Parse(gateway.Line(t))
	require.NoError(t, err)
	secret := link.Fragment
	var seen recorder
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: link.Host})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.record(r)
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()

	b := browse(t, chromium)
	b.open(t, front.URL+"/#"+secret)
	require.Equal(t, "bob: "+nasty, b.eval(t, until(`#entries li`, 1)+`.then(items => items[0].textContent)`))
	require.Equal(t, "alice", b.eval(t, `document.getElementById("name").textContent`))
	b.eval(t, `document.getElementById("text").value = "hello from a browser";
		document.getElementById("sign").requestSubmit()`)
	require.Equal(t, "alice: hello from a browser", b.eval(t, until(`#entries li`, 2)+`.then(items => items[1].textContent)`))
	require.Equal(t, "Guest book", b.eval(t, `document.title`))
	require.Empty(t, b.eval(t, `document.cookie`))
	b.open(t, front.URL+"/#wrong")
	require.Equal(t, "there is no such link, or none any more", b.eval(t, until(`#news`, 1)+`.then(async items => {
		while (!items[0].textContent.startsWith("there")) await new Promise(done => new MutationObserver(done).observe(items[0], {childList: true}));
		return items[0].textContent})`))
	b.close(t)

	gateway.Interrupt(t)
	server.Interrupt(t)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	used := 0
	for i, ask := range seen.asks {
		require.NotContains(t, ask, secret)
		require.NotContains(t, ask, "\r\nReferer:")
		require.NotContains(t, ask, "\r\nCookie:")
		if strings.HasPrefix(ask, "POST /call ") && seen.keys[i] == "Bearer "+secret {
			used++
		}
	}
	require.Equal(t, 4, used, "name, entries, sign, entries")
}
