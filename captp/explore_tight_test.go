package captp

import (
	"fmt"
	"strings"
)

// heavy is how many states a shape has that is not run with every little credit.
const heavy = 3000

// tight returns the shape with little credit: towards each vat of each link alone,
// and everywhere.
func (s *shape) tight(heavy bool) (all []*shape) {
	if len(s.credit) > 0 {
		return nil // it has its own
	}
	ways := []string{"everywhere"}
	for _, l := range s.links {
		a, b, _ := strings.Cut(l, " ")
		ways = append(ways, a+">"+b, b+">"+a)
	}
	for _, c := range []credit{{1, 16 << 20}, {2, 16 << 20}, {3, 16 << 20}, {4096, 620}} {
		for i, way := range ways {
			if heavy && c.calls > 1 {
				continue
			}
			v := *s
			v.fails, v.mayStick, v.credit = false, true, map[string]credit{way: c}
			if i == 0 {
				for _, w := range ways {
					v.credit[w] = c
				}
			}
			v.name = fmt.Sprintf("%d calls %s", c.calls, way)
			if c.calls == 4096 {
				v.name = fmt.Sprintf("%d bytes %s", c.bytes, way)
			}
			all = append(all, &v)
		}
	}
	return all
}
