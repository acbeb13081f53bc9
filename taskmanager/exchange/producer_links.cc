#include "taskmanager/exchange/producer_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/try.h"
#include "common/observe/log.h"
#include "taskmanager/exchange/credit.h"

namespace weir::taskmanager {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
/// Channels that a consuming slot may have opened before their producers are here.
constexpr std::size_t kWaitingMax = 65'536;

Error violation(std::string message) { return Error::external(ErrorCode::corrupt, std::move(message)); }

}  // namespace

// ---- RemoteOutput

RemoteOutput::RemoteOutput(ProducerLinks& links, Facts facts) : links_(links), facts_(std::move(facts)) {}

RemoteOutput::~RemoteOutput() {
  links_.withdraw(*this);
  if (link_ != nullptr) link_->give_up(channel_);
}

bool RemoteOutput::push(const Element& element) {
  if (link_ == nullptr) return false;
  switch (element.kind) {
    case ElementKind::block: {
      const std::uint32_t cost = credit_for(*element.block, window_);
      if (credit_ < cost) return false;
      credit_ -= cost;
      link_->send_block(channel_, element.block);
      return true;
    }
    case ElementKind::watermark: link_->send(FrameKind::watermark, channel_, payload_of(element.value)); return true;
    case ElementKind::end_of_data: link_->send(FrameKind::end_of_data, channel_, {}); return true;
    case ElementKind::end_of_partition: link_->send(FrameKind::end_of_partition, channel_, {}); return true;
  }
  return false;
}

void RemoteOutput::open(AcceptedLink& link, std::uint32_t channel, std::uint32_t credit) {
  link_ = &link;
  channel_ = channel;
  window_ = credit;
  credit_ = credit;
}

void RemoteOutput::grant(std::uint32_t credit) {
  credit_ = std::min<std::uint64_t>(credit_ + credit, std::numeric_limits<std::uint32_t>::max());
}

void RemoteOutput::close(CloseReason reason) {
  link_ = nullptr;
  if (reason == CloseReason::done) is_done_ = true;
}

void RemoteOutput::fail(const Error& how, const std::string& peer) {
  link_ = nullptr;
  facts_.failure->set(Error{how.code, how.blame,
                            fmt::format("the connection to task {} at {} ended before it had taken all data: {}",
                                        facts_.consumer_name, peer, how.message)});
}

// ---- AcceptedLink

AcceptedLink::AcceptedLink(const DataConnection::Settings& settings, UniqueFd socket, Poller& poller, BlockPool& pool,
                           ProducerLinks& links, std::int64_t prove_by_us)
    : links_(links),
      connection_(DataConnection::accepted(settings, std::move(socket), poller, pool, *this)),
      prove_by_us_(prove_by_us) {}

AcceptedLink::~AcceptedLink() = default;

void AcceptedLink::give_up(std::uint32_t channel) {
  outputs_.erase(channel);
  connection_->send(FrameKind::close_channel, channel,
                    encode(CloseChannel{CloseReason::given_up, "its task has ended"}));
}

void AcceptedLink::bind(RemoteOutput& output, std::uint32_t channel, std::uint32_t credit) {
  outputs_[channel] = &output;
  output.open(*this, channel, credit);
  connection_->send(FrameKind::open_channel, channel, {});
}

bool AcceptedLink::open_waiting(RemoteOutput& output) {
  if (is_dead_) return false;
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& waiting) { return waiting.open.key == output.key(); });
  if (found == waiting_.end()) return false;
  const Waiting waiting = *found;
  waiting_.erase(found);
  bind(output, waiting.channel, waiting.open.credit);
  return true;
}

Result<void> AcceptedLink::open_channel(std::uint32_t channel, std::string_view payload) {
  TRY(const OpenChannel open, decode_open_channel(payload));
  if (channel <= highest_channel_) return violation(fmt::format("channel {} is opened a second time", channel));
  if (waiting_.size() >= kWaitingMax) return violation("too many channels");
  highest_channel_ = channel;
  if (RemoteOutput* const output = links_.take_offered(open.key)) {
    bind(*output, channel, open.credit);
  } else {
    waiting_.push_back({channel, open});
  }
  return {};
}

Result<void> AcceptedLink::on_frame(DataConnection&, const FrameHeader& header, std::string_view payload) {
  if (header.kind == FrameKind::open_channel) return open_channel(header.channel, payload);
  if (header.channel == 0 || header.channel > highest_channel_)
    return violation(fmt::format("channel {} does not exist", header.channel));
  const auto found = outputs_.find(header.channel);
  RemoteOutput* const output = found == outputs_.end() ? nullptr : found->second;  // null: closed here, or not here yet
  switch (header.kind) {
    case FrameKind::credit: {
      TRY(const std::uint32_t credit, decode_credit(payload));
      if (output != nullptr) output->grant(credit);
      return {};
    }
    case FrameKind::close_channel: {
      TRY(const CloseChannel close, decode_close_channel(payload));
      std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.channel == header.channel; });
      if (output == nullptr) return {};
      outputs_.erase(found);
      output->close(close.reason);
      return {};
    }
    default: return violation(fmt::format("frame kind {} from a consumer", static_cast<int>(header.kind)));
  }
}

Result<void> AcceptedLink::on_block(DataConnection&, std::uint32_t channel, Block* block) {
  block->home->give(block);
  return violation(fmt::format("rows from a consumer on channel {}", channel));
}

void AcceptedLink::on_ended(DataConnection&, const Error& reason) {
  is_dead_ = true;
  const std::string peer = connection_->peer();
  for (const auto& [channel, output] : std::exchange(outputs_, {})) output->fail(reason, peer);
}

bool AcceptedLink::on_time(std::int64_t now_us) {
  if (next_time_us() > now_us) return false;
  connection_->end(Error::external(ErrorCode::permission_denied, "it did not prove the job's secret in time"));
  return true;
}

std::int64_t AcceptedLink::next_time_us() const { return is_unproven() ? prove_by_us_ : kNever; }

// ---- ProducerLinks

ProducerLinks::ProducerLinks(Settings settings, Poller& poller, BlockPool& pool)
    : settings_(std::move(settings)), poller_(poller), pool_(pool) {}

ProducerLinks::~ProducerLinks() = default;

void ProducerLinks::accept(UniqueFd socket, std::int64_t now_us) {
  const auto unproven = static_cast<std::size_t>(
      std::count_if(links_.begin(), links_.end(), [](const auto& link) { return link->is_unproven(); }));
  auto link = std::make_unique<AcceptedLink>(settings_.connection, std::move(socket), poller_, pool_, *this,
                                             now_us + settings_.prove_timeout_us);
  if (unproven >= settings_.unproven_max) {
    LOG_WARN("data connection with {} closed: {} others have not proved themselves yet", link->peer(), unproven);
    return;
  }
  links_.push_back(std::move(link));
}

std::unique_ptr<OutputChannel> ProducerLinks::make_output(RemoteOutput::Facts facts) {
  auto output = std::make_unique<RemoteOutput>(*this, std::move(facts));
  for (auto& link : links_)
    if (link->open_waiting(*output)) return output;
  offered_[output->key()] = output.get();
  return output;
}

RemoteOutput* ProducerLinks::take_offered(const ChannelKey& key) {
  const auto found = offered_.find(key);
  if (found == offered_.end()) return nullptr;
  RemoteOutput* const output = found->second;
  offered_.erase(found);
  return output;
}

void ProducerLinks::withdraw(const RemoteOutput& output) {
  if (const auto found = offered_.find(output.key()); found != offered_.end() && found->second == &output)
    offered_.erase(found);
}

bool ProducerLinks::flush() {
  bool has_written = false;
  for (auto& link : links_)
    if (!link->is_dead()) has_written |= link->flush();
  std::erase_if(links_, [](const auto& link) { return link->is_dead(); });
  return has_written;
}

bool ProducerLinks::on_time(std::int64_t now_us) {
  bool has_worked = false;
  for (auto& link : links_) has_worked |= link->on_time(now_us);
  return has_worked;
}

void ProducerLinks::put_off(std::int64_t by_us) {
  for (auto& link : links_) link->put_off(by_us);
}

std::int64_t ProducerLinks::next_time_us() const {
  std::int64_t next = kNever;
  for (const auto& link : links_) next = std::min(next, link->next_time_us());
  return next;
}

}  // namespace weir::taskmanager
