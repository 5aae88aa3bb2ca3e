# What a contributor types. CI itself is .ci/run and needs no make.

.PHONY: all fmt test generate fuzz-long mutants ci

all: fmt test

fmt:
	gofmt -w $$(git ls-files '*.go')

test:
	go test -race ./...

# The Go code of the schemas in spec/; needs the schema compiler (Debian: capnproto).
generate:
	go generate ./...

# Every fuzz target, FUZZTIME each; narrow it with FUZZ=part-of-a-name.
FUZZTIME ?= 10m
FUZZ ?=
fuzz-long:
	.ci/fuzz $(FUZZTIME) $(FUZZ)

# Plants each bug of internal/sim/mutants in a copy and shows that the simulator finds it; narrow it with MUTANTS=names.
mutants:
	go run ./internal/sim/mutate $(MUTANTS)

ci:
	.ci/run
