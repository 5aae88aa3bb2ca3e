@0xd0c6e9d38a2b51f7;
# What travels between vats: the one interface of every object, the values that calls carry, and the object at the
# bootstrap of a session. In prose: values.md.

using Go = import "/go.capnp";
$Go.package("object");
$Go.import("github.com/vatnet/vatnet/spec/object");

interface Object @0xae9d47a8f25c10b3 {
  # An object of a vat, or a promise for one, or a promise for data.

  send @0 (verb :Text, args :List(Value)) -> (ref :Object, value :Value);
  # Delivers a verb with its arguments. A result that is a reference is in `ref`, and `value` only says that it is one;
  # so that a caller can pipeline on pointer 0 of the results without knowing what they will be. Other results are in
  # `value`, and `ref` is null.

  settle @1 () -> (ref :Object, value :Value);
  # What this settles to: an object answers itself, in `ref`; a holder of data answers its data, in `value`.
}

interface NonceLocator @0xc4f80b6b1d93e526 {
  # The object at the bootstrap of every session.

  lookup @0 (swissnum :Data) -> (ref :Object);
  # The object that a sturdyref with this swissnum designates.

  successor @1 (swissnum :Data) -> (vat :Data, locations :List(Text));
  # The id by which the vat goes now, 32 bytes, and where it is to be found, for who knows a swissnum. See locator.md.
}

struct Value @0x9b1c55e6a7d0f348 {
  # One value: two words of data and one pointer.

  union {
    null @0 :Void;
    bool @1 :Bool;
    int64 @2 :Int64;
    uint64 @3 :UInt64;
    float64 @4 :Float64;
    text @5 :Text;
    data @6 :Data;
    bigInt :group {
      negative @7 :Bool;
      magnitude @8 :Data;     # big-endian
    }
    time :group {
      seconds @9 :Int64;      # since 1970-01-01T00:00:00Z, without leap seconds
      nanoseconds @10 :UInt32; # of the second, below 10^9
      zone @11 :Int16;        # minutes east of UTC
    }
    duration @12 :Int64;      # nanoseconds
    list @13 :List(Value);
    map @14 :List(Entry);
    record @15 :Record;
    records @16 :Records;     # a list of records with the same names
    int64s @17 :List(Int64);  # a list of int64
    float64s @18 :List(Float64); # a list of float64
    error @19 :Error;
    ref :group {
      cap @20 :Object;
      promise @21 :Bool;      # what cap designates may turn out to be data
    }
    sturdyref @22 :Text;      # a URI
  }
}

struct Entry @0xd7a0c3d2e86f4159 {
  # One association of a map.
  key @0 :Value;
  value @1 :Value;
}

struct Record @0x8e53f9017cb6d42a {
  # Named fields: as many values as names.
  names @0 :List(Text);
  values @1 :List(Value);
}

struct Records @0xf1297e40d5ba6c83 {
  # A list of records that have the same names, which are carried once. The values are those of the first record in the
  # order of the names, then those of the second, and so on: their number is a multiple of the number of names.
  names @0 :List(Text);
  values @1 :List(Value);
}

struct Error @0xb65d208e94f7ca13 {
  # Something that went wrong, as a value.
  text @0 :Text;
  code @1 :Text;              # a registered code by which programs recognise the error; empty if it has none
}
