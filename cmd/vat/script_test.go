package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vatnet/vatnet/sturdyref"
)

var programs = map[string]func(){"vat": main, "odd": oddMain}

// TestMain gives the scripts two programs: vat, and odd, a server of objects that
// do what no good object does.
func TestMain(m *testing.M) {
	testscript.Main(m, programs)
}

// TestScripts runs testdata/script: one file for each thing that the command does.
// To the usual commands of scripts come these:
//
//	serve NAME PROG ARG…    starts a server; what it prints first is kept in NAME.cap and $NAME
//	stop NAME               interrupts it and waits for its end
//	crash NAME              kills it (kill -9)
//	modes MODE FILE…        looks whether files have that mode, an octal number
//	exits N PROG ARG…       runs a program that must end with status N
//	splice OUT.cap A B      makes a sturdyref of server A's object at server B's location
//	forge OUT.cap A         makes a sturdyref of no object of server A
//	former A                puts the vat id in server A's first sturdyref into $A_ID
//	closed OUT.cap A        makes a sturdyref of server A's object where nobody listens
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", quickRace)
			return nil
		},
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serveCmd, "halt": haltCmd, "crash": crashCmd, "modes": modesCmd, "exits": exitsCmd, "splice": spliceCmd, "forge": forgeCmd, "closed": closedCmd, "former": formerCmd,
		},
	})
}

// quickRace keeps a program with the race detector from sleeping for a second
// before it ends.
const quickRace = "atexit_sleep_ms=0"

// process is a server that a script has started.
type process struct {
	cmd *exec.Cmd
	in  io.Closer
	end func() error
}

var (
	processesMu sync.Mutex
	processes   = map[string]*process{} // by the script's folder and the server's name
)

func serveCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: serve NAME PROG ARG…")
	}
	name, prog := args[0], args[1]
	path, err := exec.LookPath(prog)
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"), "GORACE="+quickRace)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	in, err := cmd.StdinPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	p := &process{cmd: cmd, in: in}
	p.end = sync.OnceValue(func() error {
		if runtime.GOOS == "windows" { // it has no signal that a process can send
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return nil
		}
		_ = cmd.Process.Signal(os.Interrupt) // perhaps it has ended
		return cmd.Wait()
	})
	ts.Defer(func() { _ = p.end() })
	line, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	sr, err := sturdyref.Parse(strings.TrimSpace(line))
	ts.Check(err)
	ts.Check(sturdyref.WriteFile(ts.MkAbs(name+".cap"), sr))
	ts.Setenv(name, sr.URI())
	processesMu.Lock()
	defer processesMu.Unlock()
	processes[ts.Getenv("WORK")+"/"+name] = p
}

func haltCmd(ts *testscript.TestScript, _ bool, args []string) { ts.Check(serverOf(ts, args).end()) }

func crashCmd(ts *testscript.TestScript, _ bool, args []string) {
	p := serverOf(ts, args)
	ts.Check(p.cmd.Process.Kill())
	_ = p.end() // it did not end well
}

// serverOf returns the server that the one argument of a command names.
func serverOf(ts *testscript.TestScript, args []string) *process {
	if len(args) != 1 {
		ts.Fatalf("usage: halt NAME, crash NAME")
	}
	processesMu.Lock()
	defer processesMu.Unlock()
	p := processes[ts.Getenv("WORK")+"/"+args[0]]
	if p == nil {
		ts.Fatalf("no server %s", args[0])
	}
	return p
}

func modesCmd(ts *testscript.TestScript, _ bool, args []string) {
	if runtime.GOOS == "windows" {
		return // it has none
	}
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if info.Mode().Perm() != os.FileMode(want) {
			ts.Fatalf("%s has mode %#o, want %#o", name, info.Mode().Perm(), want)
		}
	}
}

func exitsCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N PROG ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func spliceCmd(ts *testscript.TestScript, _ bool, args []string) {
	a, b := refOf(ts, args[1]), refOf(ts, args[2])
	write(ts, args[0], a, b.Locations(), a.Swissnum())
}

func forgeCmd(ts *testscript.TestScript, _ bool, args []string) {
	a := refOf(ts, args[1])
	secret, err := sturdyref.NewSwissnum(a.Vat())
	ts.Check(err)
	write(ts, args[0], a, a.Locations(), secret)
}

func closedCmd(ts *testscript.TestScript, _ bool, args []string) {
	a := refOf(ts, args[1])
	write(ts, args[0], a, []string{"127.0.0.1:1"}, a.Swissnum())
}

func formerCmd(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0]+"_ID", refOf(ts, args[0]).Vat().String())
}

func refOf(ts *testscript.TestScript, name string) sturdyref.Ref {
	sr, err := sturdyref.Parse(ts.Getenv(name))
	ts.Check(err)
	return sr
}

func write(ts *testscript.TestScript, file string, a sturdyref.Ref, locations []string, secret sturdyref.Swissnum) {
	sr, err := sturdyref.New(a.Vat(), locations, secret)
	ts.Check(err)
	ts.Check(sturdyref.WriteFile(ts.MkAbs(file), sr))
}
