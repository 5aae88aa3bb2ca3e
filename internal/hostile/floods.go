package hostile

import (
	"fmt"
	"strings"

	"github.com/vatnet/vatnet/crypto"
)

// m is mark as it is written in a template.
var m = fmt.Sprint(mark)

// Floods are all floods.
var Floods = []*Flood{
	{Name: "bootstraps that are never finished", Small: 20_000, Full: 1_000_000, Reads: true, pour: of("bootstrap q=" + m)},
	{Name: "bootstraps, their returns never read", Small: 20_000, Full: 1_000_000, pour: of("bootstrap q="+m, "finish q="+m)},
	{Name: "hanging calls", Small: 20_000, Full: 300_000, Reads: true, pour: of("call q=" + m + ` cap=$obj send="hang"`)},
	{Name: "hanging calls, canceled at once", Small: 10_000, Full: 300_000, Reads: true,
		pour: func(a *attack, n int) error {
			for i := 0; i < n; i += 4 { // the Finishes are right behind their calls
				if err := a.pourFrames(4, 100+i, "call q="+m+` cap=$obj send="hang"`, "finish q="+m); err != nil {
					return err
				}
			}
			return nil
		}},
	{Name: "replies never read", Small: 300, Full: 10_000,
		pour: of("call q="+m+` cap=$obj send="blob" args=[(int64=1000000)]`, "finish q="+m)},
	{Name: "results that are never finished", Small: 100, Full: 4000, Reads: true,
		pour: of("call q=" + m + ` cap=$obj send="blob" args=[(int64=1000000)]`)},
	{Name: "arguments of a megabyte for hanging calls", Small: 60, Full: 2000, Reads: true,
		pour: of("call q=" + m + ` cap=$obj send="int64" args=[(ref=(cap=cap:0, promise=true)) (text="` + strings.Repeat("a", 1_000_000) + `")] caps=[(senderPromise=9)]`)},
	{Name: "data kept as a reference", Small: 100, Full: 3000, Reads: true, pour: func(a *attack, n int) error {
		for i := range n {
			q := 100 + 2*i
			for _, s := range []string{
				fmt.Sprintf(`call q=%d cap=$obj send="blob" args=[(int64=1000000)]`, q),
				fmt.Sprintf(`call q=%d cap=$obj send="hang" caps=[(receiverAnswer=(questionId=%d, transform=[(getPointerField=0)]))]`, q+1, q),
				fmt.Sprintf("finish q=%d releaseResultCaps=false", q),
			} {
				if err := a.step(s); err != nil {
					return err
				}
			}
		}
		return nil
	}},
	{Name: "megabytes that arguments settle to", Small: 50, Full: 2000, Asked: true, pour: func(a *attack, n int) error {
		// One promise of many among the arguments does not settle, and the call waits for it.
		var args, caps strings.Builder
		for i := range n + 1 {
			fmt.Fprintf(&args, "(ref=(cap=cap:%d, promise=true)) ", i)
			fmt.Fprintf(&caps, "(senderHosted=%d) ", 100+i)
		}
		if err := a.step(`call q=50 cap=$obj send="many" args=[` + args.String() + "] caps=[" + caps.String() + "]"); err != nil {
			return err
		}
		for range n {
			if err := a.await("call"); err != nil {
				return err
			}
			if err := a.step(`return a=$q result=(value=(data="` + strings.Repeat("a", 1_000_000) + `"))`); err != nil {
				return err
			}
		}
		return nil
	}},
	{Name: "exports without end", Small: 10_000, Full: 300_000, Reads: true,
		pour: of("call q="+m+` cap=$obj send="make"`, "finish q="+m+" releaseResultCaps=false")},
	{Name: "imports without end, kept", Small: 10_000, Full: 300_000, Reads: true,
		pour: of("call q="+m+` cap=$obj send="hoard" args=[(ref=(cap=cap:0))] caps=[(senderHosted=`+m+`)]`, "finish q="+m)},
	{Name: "imports in calls that hang", Small: 4_000, Full: 300_000, Reads: true,
		pour: of("call q=" + m + ` cap=$obj send="hang" caps=[(senderHosted=` + m + `) (senderPromise=7) (none) (senderHosted=8)]`)},
	{Name: "tables of sixty thousand capabilities", Small: 5, Full: 1000, Reads: true,
		pour: of("call q=" + m + ` cap=$obj send="hang" caps=[(senderHosted=9)]*60000`)},
	{Name: "promises resolved to themselves", Small: 10_000, Full: 300_000, Reads: true,
		pour: of("call q="+m+` cap=$obj send="hoard" args=[(ref=(cap=cap:0))] caps=[(senderPromise=`+m+`)]`, "finish q="+m,
			"resolve promiseId="+m+" cap.senderPromise="+m)},
	{Name: "resolutions of promises that nobody holds", Small: 20_000, Full: 1_000_000, Reads: true,
		pour: of("resolve promiseId=" + m + " cap.senderPromise=" + m)},
	{Name: "calls on a hanging answer", Small: 10_000, Full: 300_000, Reads: true, pour: func(a *attack, n int) error {
		if err := a.step(`call q=50 cap=$obj send="hang"`); err != nil {
			return err
		}
		return a.pourFrames(n, 100, "call q="+m+` on=50 get=[0] send="join"`)
	}},
	{Name: "disembargoes at a hanging answer", Small: 20_000, Full: 1_000_000, Reads: true, pour: func(a *attack, n int) error {
		if err := a.step(`call q=50 cap=$obj send="hang"`); err != nil {
			return err
		}
		return a.pourFrames(n, 100, "disembargo target.promisedAnswer=(questionId=50, transform=[(getPointerField=0)]) context.senderLoopback="+m)
	}},
	{Name: "results of a hanging answer by ever other paths", Small: 3000, Full: 60_000, Reads: true, pour: (*attack).pourPaths},
	{Name: "calls that wait for a promise", Small: 10_000, Full: 300_000, Reads: true,
		pour: of("call q=" + m + ` cap=$obj send="int64" args=[(ref=(cap=cap:0, promise=true))] caps=[(senderPromise=9)]`)},
	{Name: "swissnums that do not exist", Small: 5000, Full: 1_000_000, Reads: true,
		pour: of("call q=" + m + ` cap=$boot lookup="` + strings.Repeat("x", 32) + `"`)},
	{Name: "finishes of what is finished", Small: 20_000, Full: 1_000_000, Reads: true, pour: of("finish q=1")},
	{Name: "echoes never read", Small: 1000, Full: 20_000, pour: of(`thirdPartyAnswer completion="` + strings.Repeat("a", 50_000) + `"`)},
	{Name: "echoes of eight megabytes of shared pointers", Small: 2, Full: 50, Reads: true, pour: func(a *attack, n int) error {
		return a.pourShared(n, "struct(0,1,1) 99 ")
	}},
	{Name: "calls with eight megabytes of shared pointers", Small: 2, Full: 50, Reads: true, pour: func(a *attack, n int) error {
		// A Call to export 0 whose parameters are the pointers.
		return a.pourShared(n, "struct(0,1,1) 2 struct(0,3,3) 5 0 0 struct(2,1,1) struct(3,0,2) 0 0 0 struct(1,0,60) 0 ")
	}},
	{Name: "eight megabytes of a message, but for its end", Small: 1, Full: 1, Reads: true, pour: func(a *attack, _ int) error {
		f, err := compile(`call q=5 cap=9 send="` + strings.Repeat("a", 8_000_000) + `"`)
		if err != nil {
			return err
		}
		return a.data(f[:len(f)-1])
	}},
	{Name: "lists of a hundred thousand nulls", Small: 20, Full: 1000, Reads: true,
		pour: of("call q="+m+` cap=$obj send="any" args=[(list=[(null)]*100000)]`, "finish q="+m)},
	{Name: "pings whose pongs are never read", Sealed: true, Small: 20_000, Full: 1_000_000, pour: func(a *attack, n int) error {
		for range n {
			if err := a.record(crypto.RecordPing, nil); err != nil {
				return err
			}
		}
		return nil
	}},
	{Name: "empty records", Sealed: true, Small: 20_000, Full: 1_000_000, Reads: true, pour: func(a *attack, n int) error {
		for range n {
			if err := a.record(crypto.RecordData, nil); err != nil {
				return err
			}
		}
		return nil
	}},
	{Name: "connections that send two bytes and fall silent", Vat: "hasty", Small: 300, Full: 3000, Raw: true, pour: func(a *attack, n int) error {
		return a.pourConnections(n, false, func() error { return a.write([]byte{4, 0xe1}) })
	}},
	{Name: "handshakes with a wrong MAC", Small: 300, Full: 3000, Raw: true, pour: func(a *attack, n int) error {
		return a.pourConnections(n, true, func() error { return a.sendMessage1("! flip -1") })
	}},
	{Name: "handshakes given up after message 2", Vat: "hasty", Small: 50, Full: 2000, Raw: true, pour: func(a *attack, n int) error {
		return a.pourConnections(n, false, func() error {
			if err := a.sendMessage1(""); err != nil {
				return err
			}
			return a.readMessage2()
		})
	}},
	{Name: "sessions that are begun anew at once", Small: 50, Full: 1000, Raw: true, pour: func(a *attack, n int) error {
		for range n {
			if err := a.again(""); err != nil {
				return err
			}
			if err := a.dial(a.t.addr); err != nil {
				return err
			}
			_ = a.conn.Close()
		}
		return nil
	}},
	{Name: "sessions under ever new identities, cut off for their first message", Small: 50, Full: 1000, Raw: true, pour: func(a *attack, n int) error {
		for range n {
			w := &wire{static: newStatic(), peer: a.peer, hello: a.hello}
			err := w.dial(a.t.addr)
			if err == nil {
				err = w.data([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
			}
			if w.conn != nil {
				_ = w.conn.Close()
			}
			if err != nil {
				return err
			}
		}
		return nil
	}},
}

// pourConnections opens n connections and does the same on each; they stay open
// unless they are closed behind it.
func (a *attack) pourConnections(n int, closed bool, do func() error) error {
	for range n {
		if err := a.again(""); err != nil {
			return err
		}
		if err := a.connect(a.t.addr); err != nil {
			return err
		}
		if err := do(); err != nil && !isGone(err) && !isTimeout(err) {
			return err
		}
		if closed {
			_ = a.conn.Close()
			a.closed = nil
		}
	}
	return nil
}

// pourPaths names n results of one answer that nobody will ever see.
func (a *attack) pourPaths(n int) error {
	if err := a.step(`call q=50 cap=$obj send="hang"`); err != nil {
		return err
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "(receiverAnswer=(questionId=50, transform=[(getPointerField=%d)])) ", i)
	}
	f, err := compile(a.substitute(`call q=51 cap=$obj send="hang" caps=[` + b.String() + `]`))
	if err != nil {
		return err
	}
	return a.data(f)
}

// pourShared sends messages that begin with some words and end in a struct of many
// pointers at one large object: a copy of it is as large as the limits of traversal
// allow.
func (a *attack) pourShared(n int, begin string) error {
	const words, pointers = 125_000, 60
	var b strings.Builder
	b.WriteString("[" + begin)
	if strings.HasSuffix(begin, "99 ") {
		fmt.Fprintf(&b, "struct(0,0,%d) ", pointers)
	}
	for i := range pointers {
		fmt.Fprintf(&b, "list(%d,5,%d) ", pointers-1-i, words)
	}
	fmt.Fprintf(&b, "1*%d]", words+900_000)
	f, err := parseFrame(b.String())
	if err != nil {
		return err
	}
	for range n {
		if err := a.data(f); err != nil {
			return err
		}
	}
	return nil
}
