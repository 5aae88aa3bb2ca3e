package captp

// The numbers of rpc.capnp: union arms, and sizes of structs in words. A test
// compares each with the generated types.
const (
	msgUnimplemented = 0
	msgAbort         = 1
	msgCall          = 2
	msgReturn        = 3
	msgFinish        = 4
	msgResolve       = 5
	msgRelease       = 6
	msgBootstrap     = 8
	msgProvide       = 10
	msgAccept        = 11
	msgDisembargo    = 13

	targetImportedCap    = 0
	targetPromisedAnswer = 1

	resultsToCaller   = 0
	resultsToYourself = 1

	returnResults   = 0
	returnException = 1
	returnCanceled  = 2
	returnElsewhere = 3
	returnTakeFrom  = 4

	resolveCap       = 0
	resolveException = 1

	capNone             = 0
	capSenderHosted     = 1
	capSenderPromise    = 2
	capReceiverHosted   = 3
	capReceiverAnswer   = 4
	capThirdPartyHosted = 5

	senderLoopback   = 0
	receiverLoopback = 1
	contextAccept    = 2

	opNoop         = 0
	opPointerField = 1
)

// errorCode is the Exception.Detail under which an Error's Code travels.
const errorCode = 0xd1e5_6f0e_7a7c_0de1
