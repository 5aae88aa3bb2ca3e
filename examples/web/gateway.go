package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vatnet/vatnet/vat"
)

//go:embed page
var page embed.FS

// gateway calls objects for those who speak HTTP. A request designates its object by a
// secret in the header Authorization, so nothing that a browser sends by itself (a
// cookie, a Referer, a form of another site) has any authority.
type gateway struct {
	mu    sync.Mutex
	links map[[32]byte]link // by the SHA-256 of the secret
}

// link is what a secret stands for.
type link struct {
	owner string
	ref   *vat.Ref
}

// maxBody bounds a request, in bytes.
const maxBody = 64 << 10

func newGateway() *gateway { return &gateway{links: map[[32]byte]link{}} }

// link makes a new secret for a reference.
func (g *gateway) link(owner string, ref *vat.Ref) string {
	secret := rand.Text() + rand.Text()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.links[sha256.Sum256([]byte(secret))] = link{owner, ref}
	return secret
}

// revoke forgets the links of an owner, and returns how many there were.
func (g *gateway) revoke(owner string) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for hash, l := range g.links {
		if l.owner == owner {
			l.ref.Release()
			delete(g.links, hash)
			n++
		}
	}
	return n
}

// serve answers requests until ctx ends.
func (g *gateway) serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, page, "page/index.html")
	})
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, page, "page/page.js")
	})
	mux.HandleFunc("POST /call", g.call)
	s := &http.Server{Handler: guarded(mux), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	shut := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		shut <- s.Shutdown(drain)
	})
	err := s.Serve(l)
	if stop() { // it ended by itself
		return errors.Join(err, s.Close())
	}
	return <-shut
}

// guarded says with each answer what a browser must not do with it.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// call answers a POST of {"verb": …, "args": […]} with {"result": …} or {"error": …}.
func (g *gateway) call(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Verb string
		Args []any
	}
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	in.UseNumber()
	if err := in.Decode(&ask); err != nil {
		answer(w, http.StatusBadRequest, "error", `want {"verb": "…", "args": […]}`)
		return
	}
	secret, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g.mu.Lock()
	l, ok := g.links[sha256.Sum256([]byte(secret))]
	g.mu.Unlock()
	if !ok {
		answer(w, http.StatusForbidden, "error", "there is no such link, or none any more")
		return
	}
	for i, arg := range ask.Args {
		ask.Args[i] = fromJSON(arg)
	}
	result, err := vat.Call[any](r.Context(), l.ref, ask.Verb, ask.Args...)
	switch {
	case errors.Is(err, vat.ErrDisconnected):
		answer(w, http.StatusBadGateway, "error", err.Error())
	case err != nil:
		answer(w, http.StatusUnprocessableEntity, "error", err.Error())
	default:
		answer(w, http.StatusOK, "result", toJSON(result))
	}
}

func answer(w http.ResponseWriter, status int, key string, x any) {
	body, err := json.Marshal(map[string]any{key: x})
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the result cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // who has gone need not be told
}

// fromJSON makes whole numbers integers, and other numbers floats.
func fromJSON(x any) any {
	switch x := x.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64() // an infinity, if it is too large
		return f
	case []any:
		for i := range x {
			x[i] = fromJSON(x[i])
		}
	case map[string]any:
		for key := range x {
			x[key] = fromJSON(x[key])
		}
	}
	return x
}

// toJSON makes a result one that JSON has; null, where it has nothing like it.
func toJSON(x any) any {
	switch x := x.(type) {
	case vat.Record:
		fields := map[string]any{}
		for _, f := range x {
			fields[f.Name] = toJSON(f.Value)
		}
		return fields
	case []any:
		for i := range x {
			x[i] = toJSON(x[i])
		}
	case map[string]any:
		for key := range x {
			x[key] = toJSON(x[key])
		}
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
	case time.Duration:
		return x.String()
	case error:
		return map[string]any{"error": x.Error()}
	case *vat.Ref, *vat.Promise[any]:
		return nil
	}
	return x
}
