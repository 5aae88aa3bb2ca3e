package sturdyref_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/vatnet/vatnet/sturdyref"
)

const printer = "captp://aeeqaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaajoa@printer.example:4711" +
	"/aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypqtijo"

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "printer.cap")

	r, err := sturdyref.Parse(printer)
	if err != nil {
		log.Fatal(err)
	}
	if err := sturdyref.WriteFile(path, r); err != nil {
		log.Fatal(err)
	}
	again, err := sturdyref.ReadFile(path)
	if errors.Is(err, sturdyref.ErrPermissive) {
		fmt.Fprintln(os.Stderr, "warning:", err)
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again)
	fmt.Println(again == r)
	// Output:
	// captp://aeeqaaaaaa…@printer.example:4711/[redacted]
	// true
}

func ExampleParse() {
	_, err := sturdyref.Parse(printer[:len(printer)-6])
	fmt.Println(err)
	// Output:
	// sturdyref: at character 137, in the swissnum: it has 50 characters instead of 56; a piece is missing
}
