#include "taskmanager/exchange/slot_connections.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "common/base/ensure.h"
#include "common/base/try.h"
#include "common/observe/log.h"

namespace weir::taskmanager {

namespace {

constexpr std::int64_t kBackoffFirstUs = 10'000;
constexpr std::int64_t kBackoffMaxUs = 500'000;
/// How often a name that is being resolved is looked at; its answer also wakes the loop.
constexpr std::int64_t kLookAgainUs = 5'000;
/// A loop that was away longer than this was held up by user code.
constexpr std::int64_t kAwayUs = 1'000'000;
/// Channels that a consuming slot may have opened before their producers are here.
constexpr std::size_t kPendingMax = 65'536;

Error violation(std::string message) { return Error::external(ErrorCode::corrupt, std::move(message)); }

template <class Number>
std::string_view bytes_of(const Number& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

SlotConnections::SlotConnections(Settings settings, Poller& poller, BlockPool& pool, Waker& waker,
                                 HostResolver& resolver)
    : settings_(std::move(settings)), poller_(poller), pool_(pool), waker_(waker), resolver_(resolver) {}

SlotConnections::~SlotConnections() = default;

// ---- Producing side
// ----------------------------------------------------------------------------------------------------------

void SlotConnections::accept(UniqueFd socket, std::int64_t now_us) {
  now_us_ = now_us;
  const auto unproven = static_cast<std::size_t>(std::count_if(links_.begin(), links_.end(), [](const auto& link) {
    return !link->is_dialled && link->connection != nullptr && !link->connection->is_proven();
  }));
  auto link = std::make_unique<Link>();
  link->connection = DataConnection::accepted(settings_.connection, std::move(socket), poller_, pool_, *this);
  if (unproven >= settings_.unproven_max) {
    LOG_WARN("data connection with {} closed: {} others have not proved themselves yet", link->connection->peer(),
             unproven);
    return;
  }
  link->connection->link = link.get();
  link->prove_by_us = now_us + settings_.prove_timeout_us;
  links_.push_back(std::move(link));
}

std::unique_ptr<RemoteOutput> SlotConnections::make_output(ChannelKey key, std::string consumer_name) {
  return std::make_unique<RemoteOutput>(*this, key, std::move(consumer_name));
}

void SlotConnections::attach(RemoteOutput& output, OutputPartition& partition) {
  output.partition_ = &partition;
  for (auto& link : links_) {
    if (link->is_dead) continue;
    const auto found = std::find_if(link->pending.begin(), link->pending.end(),
                                    [&](const Link::Pending& pending) { return pending.open.key == output.key_; });
    if (found == link->pending.end()) continue;
    const Link::Pending pending = *found;
    link->pending.erase(found);
    bind(*link, pending.channel, pending.open, output);
    return;
  }
  offered_[output.key_] = &output;
}

void SlotConnections::bind(Link& link, std::uint32_t channel, const OpenChannel& open, RemoteOutput& output) {
  output.link_ = &link;
  output.channel_ = channel;
  output.window_ = open.credit;
  output.credit_ = open.credit;
  link.outputs[channel] = &output;
  link.connection->send(FrameKind::open_channel, channel, {});
}

Result<void> SlotConnections::open_channel(Link& link, const FrameHeader& header, std::string_view payload) {
  TRY(const OpenChannel open, decode_open_channel(payload));
  if (header.channel <= link.highest_channel)
    return violation(fmt::format("channel {} is opened a second time", header.channel));
  if (link.pending.size() >= kPendingMax) return violation("too many channels");
  link.highest_channel = header.channel;
  const auto offered = offered_.find(open.key);
  if (offered == offered_.end()) {
    link.pending.push_back({header.channel, open});
    return {};
  }
  RemoteOutput& output = *offered->second;
  offered_.erase(offered);
  bind(link, header.channel, open, output);
  return {};
}

Result<void> SlotConnections::on_producer_frame(Link& link, const FrameHeader& header, std::string_view payload) {
  if (header.kind == FrameKind::open_channel) return open_channel(link, header, payload);
  if (header.channel == 0 || header.channel > link.highest_channel)
    return violation(fmt::format("channel {} does not exist", header.channel));
  const auto found = link.outputs.find(header.channel);
  RemoteOutput* const output =
      found == link.outputs.end() ? nullptr : found->second;  // null: closed here, or not here yet
  switch (header.kind) {
    case FrameKind::credit: {
      TRY(const std::uint32_t credit, decode_credit(payload));
      if (output != nullptr)
        output->credit_ = std::min<std::uint64_t>(output->credit_ + credit, std::numeric_limits<std::uint32_t>::max());
      return {};
    }
    case FrameKind::close_channel: {
      TRY(const CloseChannel close, decode_close_channel(payload));
      std::erase_if(link.pending, [&](const Link::Pending& pending) { return pending.channel == header.channel; });
      if (output == nullptr) return {};
      link.outputs.erase(found);
      output->link_ = nullptr;
      // Given up: its task waits without credit until it is cancelled; who failed first is for the JobManager to say.
      if (close.reason == CloseReason::done) output->is_done_ = true;
      return {};
    }
    default: return violation(fmt::format("frame kind {} from a consumer", static_cast<int>(header.kind)));
  }
}

RemoteOutput::RemoteOutput(SlotConnections& connections, ChannelKey key, std::string consumer_name)
    : connections_(connections), key_(key), consumer_name_(std::move(consumer_name)) {}

RemoteOutput::~RemoteOutput() {
  if (const auto offered = connections_.offered_.find(key_);
      offered != connections_.offered_.end() && offered->second == this)
    connections_.offered_.erase(offered);
  if (link_ == nullptr) return;
  link_->outputs.erase(channel_);
  link_->connection->send(FrameKind::close_channel, channel_,
                          encode(CloseChannel{CloseReason::given_up, "its task has ended"}));
}

bool RemoteOutput::push(const Element& element) {
  if (link_ == nullptr) return false;
  DataConnection& connection = *link_->connection;
  switch (element.kind) {
    case ElementKind::block:
      if (credit_ == 0) return false;
      --credit_;
      connection.send_block(channel_, element.block);
      return true;
    case ElementKind::watermark: connection.send(FrameKind::watermark, channel_, bytes_of(element.value)); return true;
    case ElementKind::end_of_input: connection.send(FrameKind::end_of_input, channel_, {}); return true;
  }
  return false;
}

// ---- Consuming side
// ----------------------------------------------------------------------------------------------------------

std::unique_ptr<RemoteInput> SlotConnections::make_input(ChannelKey key, std::string producer_name, RowLayout layout,
                                                         std::uint32_t window) {
  return std::make_unique<RemoteInput>(*this, key, std::move(producer_name), std::move(layout), window);
}

void SlotConnections::attach(RemoteInput& input, InputGate& gate, std::uint32_t index, const std::string& host,
                             std::uint16_t port, std::uint32_t slot, std::int64_t now_us) {
  now_us_ = now_us;
  input.gate_ = &gate;
  input.index_ = index;
  input.deadline_us_ = now_us + settings_.connect_timeout_us;
  auto found = std::find_if(links_.begin(), links_.end(), [&](const auto& link) {
    return link->is_dialled && !link->is_dead && link->host == host && link->port == port && link->slot == slot;
  });
  if (found == links_.end()) {
    auto link = std::make_unique<Link>();
    link->is_dialled = true;
    link->host = host;
    link->port = port;
    link->slot = slot;
    links_.push_back(std::move(link));
    found = std::prev(links_.end());
  }
  Link& link = **found;
  input.link_ = &link;
  input.channel_ = link.next_channel++;
  link.inputs[input.channel_] = &input;
  // A connection that is not proven opens its channels when it is.
  if (link.connection != nullptr && link.connection->is_proven())
    link.connection->send(FrameKind::open_channel, input.channel_, encode(OpenChannel{input.key_, input.window_}));
  if (link.connection == nullptr && link.lookup == nullptr && link.dial_at_us <= now_us) dial(link);
}

void SlotConnections::dial(Link& link) {
  if (link.lookup == nullptr) link.lookup = resolver_.look_up(link.host, link.port, waker_);
  if (!link.lookup->done.load(std::memory_order_acquire)) return;
  const auto lookup = std::exchange(link.lookup, nullptr);
  const auto retry = [&](std::string problem) {
    link.last_problem = std::move(problem);
    link.backoff_us = std::min(std::max(link.backoff_us * 2, kBackoffFirstUs), kBackoffMaxUs);
    link.dial_at_us = now_us_ + link.backoff_us;
  };
  if (!lookup->outcome.ok()) return retry(lookup->outcome.error().message);
  const HostLookup::Address& address = lookup->addresses[link.dials++ % lookup->addresses.size()];
  UniqueFd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return retry(fmt::format("no socket: {}", std::strerror(errno)));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.bytes) != 0 &&
      errno != EINPROGRESS)
    return retry(fmt::format("cannot connect: {}", std::strerror(errno)));
  link.connection =
      DataConnection::dialled(settings_.connection, std::move(socket), fmt::format("{}:{}", link.host, link.port),
                              link.slot, poller_, pool_, *this);
  link.connection->link = &link;
}

Result<void> SlotConnections::on_consumer_frame(Link& link, const FrameHeader& header, std::string_view payload) {
  if (header.channel == 0 || header.channel >= link.next_channel)
    return violation(fmt::format("channel {} does not exist", header.channel));
  const auto found = link.inputs.find(header.channel);
  if (found == link.inputs.end()) return {};  // closed here while the frame was on its way
  RemoteInput& input = *found->second;
  if (header.kind != FrameKind::open_channel && (!input.is_connected_ || input.has_end_come_))
    return violation(fmt::format("frame kind {} on channel {}, which {}", static_cast<int>(header.kind), header.channel,
                                 input.has_end_come_ ? "has ended" : "is not open"));
  switch (header.kind) {
    case FrameKind::open_channel:
      if (input.is_connected_ || !payload.empty()) return violation("a second answer to open_channel");
      input.is_connected_ = true;
      return {};
    case FrameKind::watermark: {
      TRY(const std::int64_t ms, decode_watermark(payload));
      // A producer could send them without end while nobody reads: only the last of a row of them counts.
      if (!input.queue_.empty() && input.queue_.back().kind == ElementKind::watermark) {
        input.queue_.back().value = ms;
      } else {
        input.queue_.push_back(Element::watermark(ms));
      }
      break;
    }
    case FrameKind::end_of_input:
      input.has_end_come_ = true;
      input.queue_.push_back(Element::end());
      break;
    case FrameKind::close_channel: {
      TRY(const CloseChannel close, decode_close_channel(payload));
      LOG_INFO("channel from {} was given up by its producer: {}", input.producer_name_, close.text);
      link.inputs.erase(found);  // its task waits until it is cancelled; who failed first is for the JobManager to say
      input.link_ = nullptr;
      return {};
    }
    default: return violation(fmt::format("frame kind {} from a producer", static_cast<int>(header.kind)));
  }
  input.gate_->mark_ready(input.index_);
  return {};
}

BlockTarget SlotConnections::block_target(DataConnection& connection, std::uint32_t channel) {
  Link* const link = connection.link;
  if (!link->is_dialled || channel == 0 || channel >= link->next_channel) return {};
  const auto found = link->inputs.find(channel);
  if (found == link->inputs.end()) return {BlockTarget::Kind::discard, nullptr};
  RemoteInput& input = *found->second;
  if (!input.is_connected_ || input.has_end_come_) return {};
  return {BlockTarget::Kind::accept, &input.layout_};
}

Result<void> SlotConnections::on_block(DataConnection& connection, std::uint32_t channel, Block* block) {
  Link* const link = connection.link;
  RemoteInput& input = *link->inputs.at(channel);  // block_target has just found it
  if (input.blocks_waiting_ + input.unreturned_ >= input.window_) {
    block->home->give(block);
    return violation(fmt::format("rows beyond the credit of channel {}", channel));
  }
  ++input.blocks_waiting_;
  input.queue_.push_back(Element::rows(block));
  input.gate_->mark_ready(input.index_);
  return {};
}

RemoteInput::RemoteInput(SlotConnections& connections, ChannelKey key, std::string producer_name, RowLayout layout,
                         std::uint32_t window)
    : connections_(connections),
      key_(key),
      producer_name_(std::move(producer_name)),
      layout_(std::move(layout)),
      window_(window) {}

RemoteInput::~RemoteInput() {
  for (; !queue_.empty(); queue_.pop_front()) drop(queue_.front());
  if (link_ == nullptr) return;
  link_->inputs.erase(channel_);
  if (link_->connection != nullptr && link_->connection->is_proven())
    link_->connection->send(FrameKind::close_channel, channel_,
                            encode(CloseChannel{CloseReason::given_up, "its task has ended"}));
}

bool RemoteInput::pop(Element& element) {
  if (queue_.empty()) return false;
  element = queue_.front();
  queue_.pop_front();
  if (element.kind == ElementKind::block) {
    --blocks_waiting_;
    ++unreturned_;
    // In halves of the window: a frame of credit per block would cost as much as it is worth.
    if (unreturned_ >= (window_ + 1) / 2 && link_ != nullptr && !has_end_come_) {
      link_->connection->send(FrameKind::credit, channel_, bytes_of(unreturned_));
      unreturned_ = 0;
    }
  } else if (element.kind == ElementKind::end_of_input) {
    is_over_ = true;
    if (link_ != nullptr) {
      link_->connection->send(FrameKind::close_channel, channel_, encode(CloseChannel{}));
      link_->inputs.erase(channel_);
      link_ = nullptr;
    }
  }
  return true;
}

void SlotConnections::fail(RemoteInput& input, const Error& reason) {
  input.link_ = nullptr;
  input.is_over_ = true;
  input.gate_->fail(reason);
}

// ---- Both
// --------------------------------------------------------------------------------------------------------------------

void SlotConnections::on_proven(DataConnection& connection) {
  Link& link = *connection.link;
  if (!link.is_dialled) return;
  link.backoff_us = 0;
  for (const auto& [channel, input] : link.inputs)
    connection.send(FrameKind::open_channel, channel, encode(OpenChannel{input->key_, input->window_}));
}

Result<void> SlotConnections::on_frame(DataConnection& connection, const FrameHeader& header,
                                       std::string_view payload) {
  Link& link = *connection.link;
  return link.is_dialled ? on_consumer_frame(link, header, payload) : on_producer_frame(link, header, payload);
}

void SlotConnections::on_ended(DataConnection& connection, const Error& reason) {
  Link* const link = connection.link;
  const bool is_final = reason.code == ErrorCode::corrupt || reason.code == ErrorCode::permission_denied;
  const bool was_open = std::any_of(link->inputs.begin(), link->inputs.end(),
                                    [](const auto& entry) { return entry.second->is_connected_; });
  if (link->is_dialled && !is_final && !was_open && !link->inputs.empty()) {
    // The producer's TaskManager or worker is not there yet: dialled again until the channels' deadline.
    link->last_problem = reason.message;
    link->backoff_us = std::min(std::max(link->backoff_us * 2, kBackoffFirstUs), kBackoffMaxUs);
    link->dial_at_us = now_us_ + link->backoff_us;
    return;
  }
  lose(*link, reason);
}

void SlotConnections::lose(Link& link, const Error& reason) {
  link.is_dead = true;
  const std::string peer =
      link.connection != nullptr ? link.connection->peer() : fmt::format("{}:{}", link.host, link.port);
  for (const auto& [channel, input] : std::exchange(link.inputs, {}))
    fail(*input, Error{reason.code, reason.blame,
                       fmt::format("the connection to task {} at {} ended before its data: {}", input->producer_name_,
                                   peer, reason.message)});
  for (const auto& [channel, output] : std::exchange(link.outputs, {})) {
    output->link_ = nullptr;
    output->partition_->fail(Error{reason.code, reason.blame,
                                   fmt::format("the connection to task {} at {} ended before it had taken all data: {}",
                                               output->consumer_name_, peer, reason.message)});
  }
}

bool SlotConnections::flush() {
  bool has_written = false;
  for (std::size_t index = 0; index < links_.size();) {
    Link& link = *links_[index];
    if (link.connection != nullptr && link.connection->has_unsent()) has_written |= link.connection->flush();
    if (link.connection != nullptr && link.connection->has_ended() && !link.is_dead)
      link.connection.reset();  // to be dialled again
    close_if_unused(link);
    if (link.is_dead) {
      links_.erase(links_.begin() + static_cast<std::ptrdiff_t>(index));
    } else {
      ++index;
    }
  }
  return has_written;
}

void SlotConnections::close_if_unused(Link& link) {
  if (!link.is_dialled || link.is_dead || !link.inputs.empty()) return;
  if (link.connection != nullptr && link.connection->has_unsent()) return;
  link.is_dead = true;  // the socket closes with it; the producer's end has no channel left that would mind
}

void SlotConnections::put_off_deadlines(std::int64_t by_us) {
  for (auto& link : links_) {
    link->prove_by_us += by_us;
    for (const auto& [channel, input] : link->inputs) input->deadline_us_ += by_us;
  }
}

bool SlotConnections::on_time(std::int64_t now_us) {
  now_us_ = now_us;
  if (last_seen_us_ != 0 && now_us - last_seen_us_ > kAwayUs) put_off_deadlines(now_us - last_seen_us_);
  last_seen_us_ = now_us;
  bool has_worked = false;
  for (auto& entry : links_) {
    Link& link = *entry;
    if (link.is_dead) continue;
    if (!link.is_dialled) {
      if (link.connection != nullptr && !link.connection->is_proven() && link.prove_by_us <= now_us) {
        link.connection->end(
            Error::external(ErrorCode::permission_denied, "it did not prove the job's secret in time"));
        has_worked = true;
      }
      continue;
    }
    if (link.connection == nullptr && !link.inputs.empty() && link.dial_at_us <= now_us) {
      dial(link);
      has_worked |= link.connection != nullptr;
    }
    // Once there is a connection the producer's worker is there, and its task will come or the JobManager will end this
    // one.
    if (link.connection != nullptr && !link.connection->is_connecting()) continue;
    for (auto at = link.inputs.begin(); at != link.inputs.end();) {
      RemoteInput& input = *at->second;
      if (input.is_connected_ || input.deadline_us_ > now_us) {
        ++at;
        continue;
      }
      at = link.inputs.erase(at);
      fail(input, Error::external(ErrorCode::deadline_exceeded,
                                  fmt::format("task {} at {}:{} did not answer within {} ms: {}", input.producer_name_,
                                              link.host, link.port, settings_.connect_timeout_us / 1000,
                                              link.last_problem.empty() ? "it is not there yet" : link.last_problem)));
      has_worked = true;
    }
  }
  return has_worked;
}

std::int64_t SlotConnections::next_time_us() const {
  std::int64_t next = std::numeric_limits<std::int64_t>::max();
  for (const auto& link : links_) {
    if (link->is_dead) continue;
    if (!link->is_dialled) {
      if (link->connection != nullptr && !link->connection->is_proven()) next = std::min(next, link->prove_by_us);
      continue;
    }
    if (link->connection == nullptr && !link->inputs.empty())
      next = std::min(next, link->lookup != nullptr ? now_us_ + kLookAgainUs : link->dial_at_us);
    if (link->connection != nullptr && !link->connection->is_connecting()) continue;
    for (const auto& [channel, input] : link->inputs)
      if (!input->is_connected_) next = std::min(next, input->deadline_us_);
  }
  return next;
}

}  // namespace weir::taskmanager
