@0xd2a7b1f0c4e85a31;
# The service that stock go-capnp rpc is measured with: the same calls as the
# others get.

using Go = import "/go.capnp";
$Go.package("echo");
$Go.import("github.com/vatnet/vatnet/bench/echo");

interface Echo {
  echo @0 (text :Text) -> (text :Text);
  next @1 () -> (echo :Echo);
}
