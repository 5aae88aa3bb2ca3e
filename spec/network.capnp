@0x9a6d1f4b7c52e3a8;
# What rpc.capnp leaves to the network: how a vat that is passed a reference to an object of a third vat finds and
# proves what it was given. In prose: handoff.md.

using Go = import "/go.capnp";
$Go.package("network");
$Go.import("github.com/vatnet/vatnet/spec/network");

struct Contact @0xd3f1a0c45be9762e {
  # ThirdPartyToContact: from the donor to the recipient. Whom to ask, and for what.

  host @0 :Data;
  # The vat id of the host: its X25519 public key, 32 bytes.

  nonce @1 :Data;
  # 32 random bytes, fresh for each gift. Only donor and recipient know them.

  locations @2 :List(Text);
  # Where the host may listen, "host:port": at most 8. Empty if the donor knows of none.
}

struct Await @0xb82c6e17f0d94a53 {
  # ThirdPartyToAwait: from the donor to the host. Who may pick the gift up.

  recipient @0 :Data;
  # The vat id of the recipient, 32 bytes.

  nonceHash @1 :Data;
  # SHA-256 of the nonce, 32 bytes: who reads the host's memory cannot pick gifts up.
}

struct Completion @0xe5079d3ca1468fb2 {
  # ThirdPartyCompletion: from the recipient to the host. What it comes for.

  donor @0 :Data;
  # The vat id of the donor, 32 bytes.

  nonce @1 :Data;
  # The nonce of the contact.
}
