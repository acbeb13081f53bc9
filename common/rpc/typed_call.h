// Protocol Buffers messages over calls. For .cc files that include the messages' headers.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "common/rpc/caller.h"
#include "common/rpc/method_table.h"

namespace weir::rpc {

/// A generated message; said by what is used of it, so that this header needs no protobuf.
template <class T>
concept ProtoMessage = std::default_initializable<T> &&
    requires(T message, const T& constant, const std::string& bytes) {
  { constant.SerializeAsString() } -> std::same_as<std::string>;
  { message.ParseFromString(bytes) } -> std::same_as<bool>;
  { constant.GetTypeName() } -> std::convertible_to<std::string>;
};

namespace detail {
Error unreadable_message(std::string_view type_name);
}

/// Calls with a message, yields the reply as one.
/// Errors: those of Caller::call; corrupt (internal) when the reply is no Reply.
///     CO_TRY(auto reply, co_await call_message<proto::Ack>(caller, method, request, deadline, epoch));
template <ProtoMessage Reply, ProtoMessage Request>
Async<Reply> call_message(Caller& caller, MethodId method, const Request& request, SteadyTime deadline,
                          std::uint64_t leader_epoch) {
  std::string payload = request.SerializeAsString();
  auto answer = co_await caller.call(method, std::move(payload), deadline, leader_epoch);
  if (!answer.ok()) co_return std::move(answer).error();
  Reply reply;
  if (!reply.ParseFromString(answer.value())) co_return detail::unreadable_message(reply.GetTypeName());
  co_return reply;
}

namespace detail {

template <ProtoMessage Request, ProtoMessage Reply, class Function>
Async<std::string> serve_message(const Function& function, CallContext context, std::string payload) {
  Request request;
  if (!request.ParseFromString(payload)) co_return unreadable_message(request.GetTypeName());
  Result<Reply> reply = co_await function(context, std::move(request));
  if (!reply.ok()) co_return std::move(reply).error();
  co_return reply.value().SerializeAsString();
}

}  // namespace detail

/// Serves `method` with a function (CallContext, Request) -> Async<Reply>. The function object stays in the table and
/// may capture references; it must not itself be a coroutine lambda with captures: let it call a member coroutine.
///     register_message_handler<proto::Register, proto::Registered>(table, kRegister, "register", kChanges,
///         [this](CallContext context, proto::Register request) { return on_register(context, std::move(request)); });
template <ProtoMessage Request, ProtoMessage Reply, class Function>
void register_message_handler(MethodTable& table, MethodId method, std::string name, MethodPolicy policy,
                              Function function) {
  table.add(method, std::move(name), policy, [function](CallContext context, std::string payload) {
    return detail::serve_message<Request, Reply>(function, context, std::move(payload));
  });
}

}  // namespace weir::rpc
