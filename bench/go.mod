module github.com/vatnet/vatnet/bench

go 1.26.0

replace github.com/vatnet/vatnet => ../

require (
	capnproto.org/go/capnp/v3 v3.1.0-alpha.2
	github.com/stretchr/testify v1.12.1
	github.com/vatnet/vatnet v0.0.0-00010101000000-000000000000
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/colega/zeropool v0.0.0-20230505084239-6fb4a4f75381 // indirect
	go.etcd.io/bbolt v1.5.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
)

tool capnproto.org/go/capnp/v3/capnpc-go
