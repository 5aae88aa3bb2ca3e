package hostile

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// wordForm is a word that is written as a pointer: struct(offset,data,pointers), list(offset,code,count),
// far(segment,offset), double(segment,offset), cap(index), tag(count,data,pointers).
var wordForm = regexp.MustCompile(`^([a-z]+)\(([^)]*)\)$`)

// parseWord reads a word: a number or a pointer.
func parseWord(s string) (uint64, error) {
	m := wordForm.FindStringSubmatch(s)
	if m == nil {
		return number(s)
	}
	var a [3]uint64
	for i, part := range strings.Split(m[2], ",") {
		if i == len(a) {
			return 0, fmt.Errorf("word %q", s)
		}
		var err error
		if a[i], err = number(part); err != nil {
			return 0, err
		}
	}
	offset := a[0] << 2 & 0xfffffffc
	switch m[1] {
	case "struct", "tag":
		return offset | a[1]&0xffff<<32 | a[2]<<48, nil
	case "list":
		return offset | 1 | a[1]&7<<32 | a[2]<<35, nil
	case "far":
		return 2 | a[1]<<3&0xffffffff | a[0]<<32, nil
	case "double":
		return 6 | a[1]<<3&0xffffffff | a[0]<<32, nil
	case "cap":
		return 3 | a[0]<<32, nil
	}
	return 0, fmt.Errorf("word %q", s)
}

func number(s string) (uint64, error) {
	if strings.HasPrefix(s, "-") {
		n, err := strconv.ParseInt(s, 0, 64)
		return uint64(n), err
	}
	return strconv.ParseUint(s, 0, 64)
}

// parseFrame reads raw segments: `[words] [words]`.
func parseFrame(text string) ([]byte, error) {
	var segs [][]uint64
	for _, part := range strings.Split(text, "]") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		var seg []uint64
		for _, w := range strings.Fields(strings.TrimPrefix(part, "[")) {
			n := 1
			if w2, times, ok := strings.Cut(w, "*"); ok {
				var err error
				if n, err = strconv.Atoi(times); err != nil {
					return nil, err
				}
				w = w2
			}
			x, err := parseWord(w)
			if err != nil {
				return nil, err
			}
			for range n {
				seg = append(seg, x)
			}
		}
		segs = append(segs, seg)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(segs)-1))
	for _, s := range segs {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	}
	if len(b)%8 != 0 {
		b = append(b, 0, 0, 0, 0)
	}
	for _, s := range segs {
		for _, w := range s {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
	}
	return b, nil
}

// damage alters a frame: `word N = word` in its first segment, counted from 0 behind the segment table; `table N =
// number`, the Nth 32-bit number of the segment table; `cut N` bytes off its end; `add N` words of
// zeros to it and to the table.
func damage(frame []byte, text string) ([]byte, error) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return nil, fmt.Errorf("damage %q", text)
	}
	n, err := strconv.Atoi(f[1])
	if err != nil {
		return nil, err
	}
	at := 8 * (n + 1)
	switch {
	case f[0] == "word" && len(f) == 4 && at+8 <= len(frame):
		w, err := parseWord(f[3])
		binary.LittleEndian.PutUint64(frame[at:], w)
		return frame, err
	case f[0] == "table" && len(f) == 4 && 4*n+4 <= len(frame):
		w, err := number(f[3])
		binary.LittleEndian.PutUint32(frame[4*n:], uint32(w))
		return frame, err
	case f[0] == "cut" && n <= len(frame):
		return frame[:len(frame)-n], nil
	case f[0] == "add":
		words := binary.LittleEndian.Uint32(frame[4:])
		binary.LittleEndian.PutUint32(frame[4:], words+uint32(n))
		return append(frame, make([]byte, 8*n)...), nil
	}
	return nil, fmt.Errorf("damage %q of %d bytes", text, len(frame))
}
