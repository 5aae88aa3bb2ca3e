#!/bin/sh
# generate.sh NAME generates package spec/NAME from spec/NAME.capnp. Run by `go generate ./spec/...`.
# It needs the schema compiler: Debian's package capnproto, Homebrew's capnp.
set -eu
cd "$(dirname "$0")"
std=$(go list -m -f '{{.Dir}}' capnproto.org/go/capnp/v3)/std
capnp compile -I "$std" -o "$(go tool -n capnpc-go):$1" "$1.capnp"
