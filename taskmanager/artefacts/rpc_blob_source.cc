#include "taskmanager/artefacts/rpc_blob_source.h"

#include <charconv>
#include <utility>

#include "common/base/text.h"
#include "common/base/try.h"
#include "common/gateway/job_manager_gateway.h"
#include "common/rpc/client.h"
#include "proto/job_manager.pb.h"

namespace weir::taskmanager {
namespace {

Result<rpc::Address> parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  rpc::Address address;
  std::uint16_t port = 0;
  const bool has_both = colon != std::string::npos && colon > 0;
  const auto* begin = text.data() + (has_both ? colon + 1 : text.size());
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), port);
  if (!has_both || error != std::errc{} || end != text.data() + text.size() || port == 0) {
    return Error::external(ErrorCode::invalid_argument,
                           "the blob server's address is not host:port: " + printable(text, 200));
  }
  address.host = text.substr(0, colon);
  if (address.host.front() == '[' && address.host.back() == ']')
    address.host = address.host.substr(1, address.host.size() - 2);
  address.port = port;
  return address;
}

class RpcBlobSource final : public BlobSource {
 public:
  RpcBlobSource(const rpc::Node& node, rpc::Address address, const rpc::MethodTable& methods, const LeaderEpoch& epoch)
      : client_(node, std::move(address), methods, rpc::ClientEvents()),
        gateway_(make_rpc_blob_gateway(client_, epoch)) {
    client_.start();
  }

  Async<BlobPiece> read(const std::string& key, std::uint64_t offset, std::uint32_t bytes_max,
                        SteadyTime deadline) override {
    CO_TRY_VOID(co_await client_.wait_connected(deadline));
    proto::BlobReadRequest request;
    request.set_key(key);
    request.set_offset(offset);
    request.set_bytes_max(bytes_max);
    CO_TRY(auto reply, co_await gateway_->read_blob(std::move(request), deadline));
    BlobPiece piece;
    piece.content = std::move(*reply.mutable_content());
    piece.blob_bytes = reply.blob_bytes();
    co_return piece;
  }
  Async<void> close() override { co_await client_.close(); }

 private:
  rpc::Client client_;
  std::unique_ptr<BlobGateway> gateway_;
};

}  // namespace

RpcBlobServers::RpcBlobServers(const rpc::Node& node, const LeaderEpoch& epoch) : node_(node), epoch_(epoch) {}

Result<std::unique_ptr<BlobSource>> RpcBlobServers::open(const std::string& address) {
  TRY(auto where, parse_address(address));
  return std::unique_ptr<BlobSource>(std::make_unique<RpcBlobSource>(node_, std::move(where), no_methods_, epoch_));
}

}  // namespace weir::taskmanager
