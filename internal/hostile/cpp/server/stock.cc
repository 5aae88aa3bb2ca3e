// The victim of the floods as an object of Cap'n Proto's own C++ implementation, with the defaults of TwoPartyServer. It
// listens on a port of the loopback, prints it, and ends when its standard input does.
//
// It is spec/object.capnp without generated code: one interface, whose few structs are read and written by position.

#include <capnp/any.h>
#include <capnp/capability.h>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

namespace {

constexpr uint64_t OBJECT = 0xae9d47a8f25c10b3;
constexpr rlim_t MOST = rlim_t(4) << 30; // rather it dies than the machine

class Stock final: public capnp::Capability::Server {
public:
  DispatchCallResult dispatchCall(uint64_t interface, uint16_t method,
                                  capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override {
    if (interface != OBJECT || method > 1) {
      return internalUnimplemented("Object", interface, method);
    }
    DispatchCallResult result { method == 0 ? send(context) : kj::Promise<void>(kj::READY_NOW), false };
#if CAPNP_VERSION < 1000000
    context.allowCancellation();
#else
    result.allowCancellation = true;
#endif
    return result;
  }

private:
  // send (verb :Text, args :List(Value)) -> (ref :Object, value :Value)
  kj::Promise<void> send(capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer>& context) {
    auto pointers = context.getParams().getAs<capnp::AnyStruct>().getPointerSection();
    auto verb = pointers.size() > 0 ? pointers[0].getAs<capnp::Text>() : capnp::Text::Reader();
    if (verb == "hang" || verb == "int64") {
      return kj::NEVER_DONE;
    }
    if (verb == "blob") {
      auto value = results(context)[1].initAsAnyStruct(2, 1);
      value.getDataSection()[0] = 6; // data
      auto data = value.getPointerSection()[0].initAs<capnp::Data>(1 << 20);
      memset(data.begin(), 1, data.size()); // or they are no pages in memory
    } else if (verb == "make" || verb == "me") {
      results(context)[0].setAs<capnp::Capability>(kj::heap<Stock>());
    }
    return kj::READY_NOW;
  }

  static capnp::List<capnp::AnyPointer>::Builder results(
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer>& context) {
    return context.getResults().initAsAnyStruct(0, 2).getPointerSection();
  }
};

} // namespace

int main() {
  rlimit most { MOST, MOST };
  setrlimit(RLIMIT_AS, &most);
  auto io = kj::setupAsyncIo();
  auto address = io.provider->getNetwork().parseAddress("127.0.0.1", 0).wait(io.waitScope);
  auto listener = address->listen();
  capnp::TwoPartyServer server(kj::heap<Stock>());
  auto served = server.listen(*listener);
  printf("%u\n", listener->getPort());
  fflush(stdout);
  char byte;
  auto input = io.lowLevelProvider->wrapInputFd(0);
  auto ended = input->tryRead(&byte, 1, 1).ignoreResult();
  served.exclusiveJoin(kj::mv(ended)).wait(io.waitScope);
}
