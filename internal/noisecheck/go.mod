module github.com/vatnet/vatnet/internal/noisecheck

go 1.26.0

require (
	github.com/cloudflare/circl v1.6.5
	github.com/flynn/noise v1.1.0
	github.com/stretchr/testify v1.12.1
	github.com/vatnet/vatnet v0.0.0
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/vatnet/vatnet => ../..
