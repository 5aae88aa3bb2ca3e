//go:build linux && (amd64 || arm64)

package simdisk_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vatnet/vatnet/internal/simdisk"
)

// where is where the program that is recorded finds its folder.
const where = "VATNET_SIMDISK_DIR"

// TestMain makes of the test a program that is recorded, if it is told to.
func TestMain(m *testing.M) {
	if dir := os.Getenv(where); dir != "" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // until its parent is gone
			os.Exit(1)
		}()
		if err := program(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestRecord runs the program, whose kernel has to let it be recorded; in CI it must.
func TestRecord(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), where+"="+t.TempDir())
	_, err := cmd.StdinPipe() // it ends with this process
	require.NoError(t, err)
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "lets nobody watch") && os.Getenv("CI") != "true" {
		t.Skipf("%s", out)
	}
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}

// program does what is to be recorded, and looks what has been.
func program(dir string) error {
	disk, left := filepath.Join(dir, "disk"), filepath.Join(dir, "left")
	for _, folder := range []string{disk, left} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
	}
	r, err := simdisk.Record(disk)
	if err == nil {
		err = work(disk, r)
	}
	if err != nil {
		return err
	}
	log, err := r.Log()
	if err != nil {
		return err
	}
	seen, err := images(log, left)
	if err != nil {
		return err
	}
	slices.Sort(seen)
	if want := []string{"", " and new", "THEone", "THEone and new", "THEtwo"}; !slices.Equal(seen, want) {
		return fmt.Errorf("the outcomes are %q, and not %q", seen, want)
	}
	for _, lie := range []*simdisk.Log{log.Lying(true, false), log.Lying(false, true)} {
		if _, err := images(lie, left); err == nil {
			return errors.New("a disk that lies is not noticed")
		}
	}
	return refused(disk, r)
}

// work writes a file, says so when it is certain, and replaces it by another one in one step; twice.
func work(dir string, r *simdisk.Recorder) error {
	sub := filepath.Join(dir, "sub")
	err := os.Mkdir(sub, 0o700)
	for _, text := range []string{"one", "two"} {
		f, openErr := os.Create(filepath.Join(sub, "new"))
		if err = errors.Join(err, openErr); err != nil {
			return err
		}
		data := []byte("THE" + strings.Repeat(text, 999))
		if text == "one" {
			_, err = f.Write(data)
		} else {
			_, err = f.WriteAt(data[10:], 10)
			_, firstErr := f.WriteAt(data[:10], 0)
			err = errors.Join(err, firstErr)
		}
		err = errors.Join(err, f.Sync(), f.Close(), os.Rename(filepath.Join(sub, "new"), filepath.Join(sub, "file")))
		for _, folder := range []string{sub, dir} {
			d, openErr := os.Open(folder)
			if err = errors.Join(err, openErr); err != nil {
				return err
			}
			err = errors.Join(err, d.Sync(), d.Close())
		}
		r.Mark(text)
	}
	return err
}

// images makes what each moment may leave: when it has been said that the file is certain it is there, whole.
func images(log *simdisk.Log, left string) (seen []string, err error) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range log.Len() + 1 {
		for i := range 40 {
			dir := filepath.Join(left, fmt.Sprintf("%d-%d", n, i))
			if err := log.Crash(n, rnd).Write(dir); err != nil {
				return nil, err
			}
			data, err := os.ReadFile(filepath.Join(dir, "sub", "file"))
			outcome := string(data[:min(6, len(data))])
			if _, noNew := os.Stat(filepath.Join(dir, "sub", "new")); noNew == nil {
				outcome += " and new"
			}
			if !slices.Contains(seen, outcome) {
				seen = append(seen, outcome)
			}
			told := ""
			for _, text := range log.Marks(n) {
				if text == "one" || text == "two" {
					told = text
				}
			}
			whole := err == nil && len(data) == 3000 && (strings.HasPrefix(outcome, "THEtwo") || told != "two" && strings.HasPrefix(outcome, "THEone"))
			if told != "" && !whole {
				return seen, fmt.Errorf("after step %d: %q was told, and there are %d bytes, %q", n, told, len(data), outcome)
			}
			if err := os.RemoveAll(dir); err != nil {
				return nil, err
			}
		}
	}
	return seen, nil
}

// refused has calls fail.
func refused(dir string, r *simdisk.Recorder) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	r.Refuse(func(s simdisk.Step) syscall.Errno {
		if s.Call == "fsync" {
			return syscall.EIO
		}
		return 0
	})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		return fmt.Errorf("an fsync that is refused gives %w", err)
	}
	r.Refuse(nil)
	return f.Sync()
}
