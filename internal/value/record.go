package value

// Record is a record that no Go struct stands for: fields with names, in the
// order in which they travelled. An `any` receives a record as a Record. Names
// are unique; a Record in which one stands twice cannot be sent.
type Record []Field

// Field is one field of a Record.
type Field struct {
	Name  string // as on the wire: of a Go field, its name with the first rune in lower case
	Value any
}

// Get returns the value of the field called name, and whether there is one.
func (r Record) Get(name string) (v any, ok bool) {
	for i := range r {
		if r[i].Name == name {
			return r[i].Value, true
		}
	}
	return nil, false
}
