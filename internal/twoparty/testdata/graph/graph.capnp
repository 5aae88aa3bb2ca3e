@0x9f3a6d1c50b7e2f4;
# What the interop tests say to each other.

using Go = import "/go.capnp";
$Go.package("graph");
$Go.import("github.com/vatnet/vatnet/internal/twoparty/testdata/graph");

struct Inner {
  # A place for a capability one level down.
  node @0 :Node;
}

interface Node {
  # An object of which the test decides what each call does.

  call @0 (id :UInt64, text :Text, nodes :List(Node)) -> (node :Node, inner :Inner, text :Text);
  # The one method that is implemented. id names the call.

  missing @1 () -> ();
  # Never implemented.
}
