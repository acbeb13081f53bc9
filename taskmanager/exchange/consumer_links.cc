#include "taskmanager/exchange/consumer_links.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "common/base/try.h"
#include "common/observe/log.h"
#include "taskmanager/exchange/credit.h"

namespace weir::taskmanager {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kBackoffFirstUs = 10'000;
constexpr std::int64_t kBackoffMaxUs = 500'000;
/// How often a name that is being resolved is looked at; its answer also wakes the loop.
constexpr std::int64_t kLookAgainUs = 5'000;

Error violation(std::string message) { return Error::external(ErrorCode::corrupt, std::move(message)); }

}  // namespace

// ---- RemoteInput

RemoteInput::RemoteInput(DialledLink& link, Facts facts)
    : facts_(std::move(facts)), channel_(link.open(*this)), link_(&link) {}

RemoteInput::~RemoteInput() {
  for (; !queue_.empty(); queue_.pop_front()) drop(queue_.front());
  if (link_ != nullptr) link_->close(channel_, CloseReason::given_up);
}

bool RemoteInput::pop(Element& element) {
  if (queue_.empty()) return false;
  element = queue_.front();
  queue_.pop_front();
  if (element.kind == ElementKind::block) {
    const std::uint32_t credit = credit_for(*element.block, facts_.window);
    credit_waiting_ -= credit;
    credit_unreturned_ += credit;
    // In halves of the window: a frame per block would cost as much as it is worth.
    if (credit_unreturned_ >= (facts_.window + 1) / 2 && link_ != nullptr && !has_end_come_)
      link_->grant(channel_, std::exchange(credit_unreturned_, 0));
  } else if (element.kind == ElementKind::end_of_partition && link_ != nullptr) {
    std::exchange(link_, nullptr)->close(channel_, CloseReason::done);
  }
  return true;
}

Result<void> RemoteInput::open() {
  if (is_open_) return violation("a second answer to open_channel");
  is_open_ = true;
  return {};
}

Result<void> RemoteInput::take(Block* block) {
  const std::uint32_t credit = credit_for(*block, facts_.window);
  if (credit_waiting_ + credit_unreturned_ + credit > facts_.window) {
    block->home->give(block);
    return violation(fmt::format("rows beyond the credit of channel {}", channel_));
  }
  credit_waiting_ += credit;
  queue_.push_back(Element::rows(block));
  facts_.signals->mark(facts_.index);
  return {};
}

void RemoteInput::take_watermark(std::int64_t ms) {
  // A producer could send them without end while nobody reads: only the last of a row of them counts.
  if (!queue_.empty() && queue_.back().kind == ElementKind::watermark) {
    queue_.back().value = ms;
  } else {
    queue_.push_back(Element::watermark(ms));
  }
  facts_.signals->mark(facts_.index);
}

Result<void> RemoteInput::take_end_of_data() {
  if (std::exchange(has_data_ended_, true)) return violation("a second end of data");
  queue_.push_back(Element::end_of_data());
  facts_.signals->mark(facts_.index);
  return {};
}

void RemoteInput::take_end_of_partition() {
  has_data_ended_ = true;
  has_end_come_ = true;
  queue_.push_back(Element::end_of_partition());
  facts_.signals->mark(facts_.index);
}

void RemoteInput::close(const std::string& text) {
  LOG_INFO("channel from {} was given up by its producer: {}", facts_.producer_name, text);
  link_ = nullptr;
}

void RemoteInput::fail(const Error& reason) {
  link_ = nullptr;
  facts_.failure->set(reason);
}

// ---- DialledLink

DialledLink::DialledLink(ConsumerLinks& links, ProducerPlace place) : links_(links), place_(std::move(place)) {}

DialledLink::~DialledLink() = default;

std::uint32_t DialledLink::open(RemoteInput& input) {
  const std::uint32_t channel = next_channel_++;
  inputs_[channel] = &input;
  // A connection that is not proven opens its channels when it is.
  if (connection_ != nullptr && connection_->is_proven())
    connection_->send(FrameKind::open_channel, channel, encode(OpenChannel{input.facts().key, input.facts().window}));
  if (connection_ == nullptr && lookup_ == nullptr && dial_at_us_ <= links_.now_us()) dial();
  return channel;
}

void DialledLink::grant(std::uint32_t channel, std::uint32_t credit) {
  connection_->send(FrameKind::credit, channel, payload_of(credit));
}

void DialledLink::close(std::uint32_t channel, CloseReason reason) {
  inputs_.erase(channel);
  if (connection_ == nullptr || !connection_->is_proven()) return;  // the producer has not heard of the channel
  connection_->send(FrameKind::close_channel, channel,
                    encode(CloseChannel{reason, reason == CloseReason::done ? "" : "its task has ended"}));
}

void DialledLink::dial_later(std::string problem) {
  last_problem_ = std::move(problem);
  backoff_us_ = std::min(std::max(backoff_us_ * 2, kBackoffFirstUs), kBackoffMaxUs);
  dial_at_us_ = links_.now_us() + backoff_us_;
}

void DialledLink::dial() {
  if (lookup_ == nullptr) lookup_ = links_.look_up(place_);
  if (!lookup_->done.load(std::memory_order_acquire)) return;
  const auto lookup = std::exchange(lookup_, nullptr);
  if (!lookup->outcome.ok()) return dial_later(lookup->outcome.error().message);
  const HostLookup::Address& address = lookup->addresses[dials_++ % lookup->addresses.size()];
  UniqueFd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return dial_later(fmt::format("no socket: {}", std::strerror(errno)));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.bytes) != 0 &&
      errno != EINPROGRESS)
    return dial_later(fmt::format("cannot connect: {}", std::strerror(errno)));
  connection_ = links_.dial(std::move(socket), place_, *this);
}

void DialledLink::on_proven(DataConnection& connection) {
  backoff_us_ = 0;
  for (const auto& [channel, input] : inputs_)
    connection.send(FrameKind::open_channel, channel, encode(OpenChannel{input->facts().key, input->facts().window}));
}

BlockTarget DialledLink::block_target(DataConnection&, std::uint32_t channel) {
  if (channel == 0 || channel >= next_channel_) return {};
  const auto found = inputs_.find(channel);
  if (found == inputs_.end()) return {BlockTarget::Kind::discard, nullptr};
  const RemoteInput& input = *found->second;
  if (!input.is_open() || input.has_end_come()) return {};
  return {BlockTarget::Kind::accept, &input.facts().layout};
}

Result<void> DialledLink::on_block(DataConnection&, std::uint32_t channel, Block* block) {
  return inputs_.at(channel)->take(block);  // block_target has just found it
}

Result<void> DialledLink::check_order(const RemoteInput& input, const FrameHeader& header) const {
  if (header.kind == FrameKind::watermark && input.has_data_ended())
    return violation(fmt::format("a watermark behind the end of the data of channel {}", header.channel));
  if (header.kind == FrameKind::open_channel || (input.is_open() && !input.has_end_come())) return {};
  return violation(fmt::format("frame kind {} on channel {}, which {}", static_cast<int>(header.kind), header.channel,
                               input.has_end_come() ? "has ended" : "is not open"));
}

Result<void> DialledLink::on_frame(DataConnection&, const FrameHeader& header, std::string_view payload) {
  if (header.channel == 0 || header.channel >= next_channel_)
    return violation(fmt::format("channel {} does not exist", header.channel));
  const auto found = inputs_.find(header.channel);
  if (found == inputs_.end()) return {};  // closed here while the frame was on its way
  RemoteInput& input = *found->second;
  TRY_VOID(check_order(input, header));
  switch (header.kind) {
    case FrameKind::open_channel:
      if (!payload.empty()) return violation("an answer to open_channel with a payload");
      return input.open();
    case FrameKind::watermark: {
      TRY(const std::int64_t ms, decode_watermark(payload));
      input.take_watermark(ms);
      return {};
    }
    case FrameKind::end_of_data: return input.take_end_of_data();
    case FrameKind::end_of_partition: input.take_end_of_partition(); return {};
    case FrameKind::close_channel: {
      TRY(const CloseChannel close, decode_close_channel(payload));
      inputs_.erase(found);
      input.close(close.text);
      return {};
    }
    default: return violation(fmt::format("frame kind {} from a producer", static_cast<int>(header.kind)));
  }
}

void DialledLink::on_ended(DataConnection& connection, const Error& reason) {
  const bool is_final = reason.code == ErrorCode::corrupt || reason.code == ErrorCode::permission_denied;
  const bool was_open =
      std::any_of(inputs_.begin(), inputs_.end(), [](const auto& entry) { return entry.second->is_open(); });
  // The producer's TaskManager or worker may not be there yet: dialled again until the channels' deadline.
  if (!is_final && !was_open && !inputs_.empty()) return dial_later(reason.message);
  is_dead_ = true;
  for (const auto& [channel, input] : std::exchange(inputs_, {}))
    input->fail(Error{reason.code, reason.blame,
                      fmt::format("the connection to task {} at {} ended before its data: {}",
                                  input->facts().producer_name, connection.peer(), reason.message)});
}

bool DialledLink::flush() {
  bool has_written = false;
  if (connection_ != nullptr && connection_->has_unsent()) has_written = connection_->flush();
  if (is_dead_) return has_written;
  if (connection_ != nullptr && connection_->has_ended()) connection_.reset();  // to be dialled again
  // Without channels the socket closes; the producer's end has no channel left that would mind.
  if (inputs_.empty() && (connection_ == nullptr || !connection_->has_unsent())) is_dead_ = true;
  return has_written;
}

bool DialledLink::on_time(std::int64_t now_us) {
  if (is_dead_) return false;
  bool has_worked = false;
  if (connection_ == nullptr && !inputs_.empty() && dial_at_us_ <= now_us) {
    dial();
    has_worked = connection_ != nullptr;
  }
  // Once there is a connection the producer's worker is there, and its task will come or the JobManager will end this
  // one.
  if (connection_ != nullptr && !connection_->is_connecting()) return has_worked;
  for (auto at = inputs_.begin(); at != inputs_.end();) {
    RemoteInput& input = *at->second;
    if (input.is_open() || input.facts().deadline_us > now_us) {
      ++at;
      continue;
    }
    at = inputs_.erase(at);
    input.fail(
        Error::external(ErrorCode::deadline_exceeded,
                        fmt::format("task {} at {}:{} did not answer within {} ms: {}", input.facts().producer_name,
                                    place_.host, place_.port, links_.connect_timeout_us() / 1000,
                                    last_problem_.empty() ? "it is not there yet" : last_problem_)));
    has_worked = true;
  }
  return has_worked;
}

void DialledLink::put_off(std::int64_t by_us) {
  for (const auto& [channel, input] : inputs_) input->put_off(by_us);
}

std::int64_t DialledLink::next_time_us(std::int64_t now_us) const {
  if (is_dead_) return kNever;
  std::int64_t next = kNever;
  if (connection_ == nullptr && !inputs_.empty()) next = lookup_ != nullptr ? now_us + kLookAgainUs : dial_at_us_;
  if (connection_ != nullptr && !connection_->is_connecting()) return next;
  for (const auto& [channel, input] : inputs_)
    if (!input->is_open()) next = std::min(next, input->facts().deadline_us);
  return next;
}

// ---- ConsumerLinks

ConsumerLinks::ConsumerLinks(Settings settings, Poller& poller, BlockPool& pool, Waker& waker, HostResolver& resolver)
    : settings_(std::move(settings)), poller_(poller), pool_(pool), waker_(waker), resolver_(resolver) {}

ConsumerLinks::~ConsumerLinks() = default;

std::unique_ptr<InputChannel> ConsumerLinks::make_input(RemoteInput::Facts facts, const ProducerPlace& place,
                                                        std::int64_t now_us) {
  now_us_ = now_us;
  facts.deadline_us = now_us + settings_.connect_timeout_us;
  auto found = std::find_if(links_.begin(), links_.end(),
                            [&](const auto& link) { return !link->is_dead() && link->place() == place; });
  if (found == links_.end()) {
    links_.push_back(std::make_unique<DialledLink>(*this, place));
    found = std::prev(links_.end());
  }
  return std::make_unique<RemoteInput>(**found, std::move(facts));
}

std::shared_ptr<HostLookup> ConsumerLinks::look_up(const ProducerPlace& place) {
  return resolver_.look_up(place.host, place.port, waker_);
}

std::unique_ptr<DataConnection> ConsumerLinks::dial(UniqueFd socket, const ProducerPlace& place,
                                                    DataConnectionEvents& events) {
  return DataConnection::dialled(settings_.connection, std::move(socket), fmt::format("{}:{}", place.host, place.port),
                                 place.slot, poller_, pool_, events);
}

bool ConsumerLinks::flush() {
  bool has_written = false;
  for (auto& link : links_) has_written |= link->flush();
  std::erase_if(links_, [](const auto& link) { return link->is_dead(); });
  return has_written;
}

bool ConsumerLinks::on_time(std::int64_t now_us) {
  now_us_ = now_us;
  bool has_worked = false;
  for (auto& link : links_) has_worked |= link->on_time(now_us);
  return has_worked;
}

void ConsumerLinks::put_off(std::int64_t by_us) {
  for (auto& link : links_) link->put_off(by_us);
}

std::int64_t ConsumerLinks::next_time_us() const {
  std::int64_t next = kNever;
  for (const auto& link : links_) next = std::min(next, link->next_time_us(now_us_));
  return next;
}

}  // namespace weir::taskmanager
