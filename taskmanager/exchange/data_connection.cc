#include "taskmanager/exchange/data_connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/text.h"
#include "common/base/try.h"
#include "common/observe/log.h"
#include "taskmanager/exchange/data_hello.h"

namespace weir::taskmanager {

namespace {

/// How often one turn reads before the slot's tasks get theirs.
constexpr int kReadsPerTurn = 8;
constexpr int kPiecesPerWrite = 64;
/// Beyond it a turn's writing ends, and the tasks get theirs.
constexpr std::size_t kBytesPerTurn = 1u << 20;

std::string address_of(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  char text[INET6_ADDRSTRLEN] = "";
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "a peer that has gone";
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, ntohs(address.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    ::inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(address.sin6_port));
  }
  return "a local socket";
}

Error lost(std::string message) { return Error::external(ErrorCode::unavailable, std::move(message)); }
Error violation(std::string message) { return Error::external(ErrorCode::corrupt, std::move(message)); }

}  // namespace

std::unique_ptr<DataConnection> DataConnection::accepted(const Settings& settings, UniqueFd socket, Poller& poller,
                                                         BlockPool& pool, DataConnectionEvents& events) {
  auto address = address_of(socket.get());
  std::unique_ptr<DataConnection> connection(
      new DataConnection(ProvingSide::producer, settings, std::move(socket), std::move(address), poller, pool, events));
  connection->facts_.producer_slot = settings.slot;
  connection->facts_.producer_nonce = make_nonce();
  connection->state_ = State::proving;
  connection->watch(false);
  return connection;
}

std::unique_ptr<DataConnection> DataConnection::dialled(const Settings& settings, UniqueFd socket, std::string address,
                                                        std::uint32_t slot, Poller& poller, BlockPool& pool,
                                                        DataConnectionEvents& events) {
  std::unique_ptr<DataConnection> connection(
      new DataConnection(ProvingSide::consumer, settings, std::move(socket), std::move(address), poller, pool, events));
  connection->facts_.producer_slot = slot;
  connection->facts_.consumer_slot = settings.slot;
  connection->facts_.consumer_nonce = make_nonce();
  connection->hello_ = encode_data_hello({settings.job, slot});
  connection->watch(true);
  return connection;
}

DataConnection::DataConnection(ProvingSide side, const Settings& settings, UniqueFd socket, std::string address,
                               Poller& poller, BlockPool& pool, DataConnectionEvents& events)
    : side_(side),
      secret_(settings.secret),
      task_manager_id_(settings.task_manager_id),
      address_(std::move(address)),
      packs_blocks_(settings.packs_blocks),
      poller_(poller),
      pool_(pool),
      events_(events),
      socket_(std::move(socket)),
      state_(State::connecting),
      reader_(pool, settings.rows_and_text_bytes_max) {
  facts_.job = settings.job;
  // Refused by other kinds of sockets: no harm. A machine that has gone without a word is noticed within a minute and a
  // half, also when nothing is to be sent.
  const auto set = [this](int level, int option, int value) {
    ::setsockopt(socket_.get(), level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 6);
}

DataConnection::~DataConnection() {
  if (socket_.valid()) poller_.remove(socket_.get(), this);
  for (; !queue_.empty(); queue_.pop_front())
    if (Block* const block = queue_.front().block) block->home->give(block);
}

std::string DataConnection::peer() const {
  return peer_name_.empty() ? address_ : fmt::format("{} at {}", printable(peer_name_, 255), address_);
}

void DataConnection::watch(bool for_writing) {
  watches_writing_ = for_writing;
  poller_.watch(socket_.get(), EPOLLIN | (for_writing ? EPOLLOUT : 0u), this);
}

void DataConnection::on_ready(std::uint32_t events) {
  if (state_ == State::connecting) {
    int problem = 0;
    socklen_t size = sizeof problem;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem != 0) return end(lost(fmt::format("cannot connect to {}: {}", address_, std::strerror(problem))));
    if ((events & EPOLLOUT) == 0) return;
    begin_proving();
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
  if (state_ != State::ended && (events & EPOLLOUT) != 0) flush();
}

void DataConnection::begin_proving() {
  state_ = State::proving;
  // The hello is no frame: it goes in front of the first one.
  Outgoing hello;
  hello.is_sealed = true;
  hello.payload = std::move(hello_);
  hello.bytes = hello.payload.size();
  enqueue(std::move(hello));
  const AuthStart start{facts_.consumer_nonce, facts_.consumer_slot, task_manager_id_};
  enqueue(frame_of(FrameKind::auth_start, 0, encode(start)));
  watch(false);
  flush();
}

DataConnection::Outgoing DataConnection::frame_of(FrameKind kind, std::uint32_t channel, std::string_view payload) {
  Outgoing frame;
  frame.kind = kind;
  frame.channel = channel;
  frame.head_bytes = kFrameHeaderBytes;
  frame.bytes = kFrameHeaderBytes + payload.size();
  if (payload.size() <= kInlineBytes - kFrameHeaderBytes) {
    if (!payload.empty()) std::memcpy(frame.head.data() + kFrameHeaderBytes, payload.data(), payload.size());
    frame.head_bytes = frame.bytes;
  } else {
    frame.payload = payload;
  }
  return frame;
}

void DataConnection::enqueue(Outgoing frame) {
  queued_bytes_ += frame.bytes;
  queue_.push_back(std::move(frame));
}

void DataConnection::seal(Outgoing& frame) {
  frame.is_sealed = true;
  FrameHeader header{.kind = frame.kind,
                     .channel = frame.channel,
                     .payload_bytes = static_cast<std::uint32_t>(frame.bytes - kFrameHeaderBytes),
                     .sequence = next_sequence_++};
  checksum_.begin(header);
  checksum_.add(frame.head.data() + kFrameHeaderBytes, frame.head_bytes - kFrameHeaderBytes);
  checksum_.add(frame.payload.data(), frame.payload.size());
  if (frame.block != nullptr) {
    const BlockParts parts = pieces_of(frame);
    for (std::size_t part = 0; part < parts.count; ++part)
      checksum_.add(parts.parts[part].bytes, parts.parts[part].count);
  }
  header.checksum = checksum_.result();
  encode_header(header, frame.head.data());
}

void DataConnection::send(FrameKind kind, std::uint32_t channel, std::string_view payload) {
  if (state_ == State::ended) return;
  if (state_ == State::proven) {
    enqueue(frame_of(kind, channel, payload));
  } else {
    waiting_.push_back(frame_of(kind, channel, payload));
  }
}

void DataConnection::send_block(std::uint32_t channel, Block* block) {
  if (state_ != State::proven) {
    block->home->give(block);
    return;
  }
  const auto block_header = encode_block_header(*block);
  Outgoing frame;
  frame.kind = FrameKind::block;
  frame.channel = channel;
  frame.block = block;
  if (packs_blocks_) {
    const BlockParts plain = parts_of(*block);
    Block* const packed = pool_.take(kBlockCapacity);
    frame.packed_bytes = packer_.pack(plain, packed->payload());
    if (frame.packed_bytes > 0) {
      frame.kind = FrameKind::packed_block;
      frame.block = packed;
    }
    Block* const spare = frame.packed_bytes > 0 ? block : packed;
    spare->home->give(spare);
  }
  std::memcpy(frame.head.data() + kFrameHeaderBytes, block_header.data(), block_header.size());
  frame.head_bytes = kInlineBytes;
  frame.bytes = kInlineBytes + pieces_of(frame).bytes;
  enqueue(std::move(frame));
}

BlockParts DataConnection::pieces_of(const Outgoing& frame) {
  if (frame.packed_bytes == 0) return parts_of(*frame.block);
  return {.parts = {{{frame.block->payload(), frame.packed_bytes}}}, .count = 1, .bytes = frame.packed_bytes};
}

bool DataConnection::flush() {
  if (state_ != State::proving && state_ != State::proven) return false;
  bool has_written = false;
  std::size_t written_bytes = 0;
  while (!queue_.empty() && written_bytes < kBytesPerTurn) {
    iovec pieces[kPiecesPerWrite];
    int count = 0;
    std::size_t offered = 0;
    std::size_t skip = front_sent_;
    const auto add = [&](const void* bytes, std::size_t size) {
      if (skip >= size) {
        skip -= size;
        return;
      }
      pieces[count++] = {const_cast<std::uint8_t*>(static_cast<const std::uint8_t*>(bytes)) + skip, size - skip};
      offered += size - skip;
      skip = 0;
    };
    for (std::size_t index = 0; index < queue_.size() && count + 6 <= kPiecesPerWrite; ++index) {
      Outgoing& frame = queue_[index];
      if (!frame.is_sealed) seal(frame);
      add(frame.head.data(), frame.head_bytes);
      if (!frame.payload.empty()) add(frame.payload.data(), frame.payload.size());
      if (frame.block == nullptr) continue;
      const BlockParts parts = pieces_of(frame);
      for (std::size_t part = 0; part < parts.count; ++part) add(parts.parts[part].bytes, parts.parts[part].count);
    }
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = static_cast<std::size_t>(count);
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (!watches_writing_) watch(true);
        return has_written;
      }
      end(lost(std::strerror(errno)));
      return true;
    }
    has_written = true;
    written_bytes += static_cast<std::size_t>(sent);
    queued_bytes_ -= static_cast<std::uint64_t>(sent);
    front_sent_ += static_cast<std::size_t>(sent);
    while (!queue_.empty() && front_sent_ >= queue_.front().bytes) {
      front_sent_ -= queue_.front().bytes;
      if (Block* const block = std::exchange(queue_.front().block, nullptr)) block->home->give(block);
      queue_.front().payload.clear();
      queue_.pop_front();
    }
    if (static_cast<std::size_t>(sent) < offered) {
      if (!watches_writing_) watch(true);
      return has_written;
    }
  }
  if (queue_.empty() && watches_writing_) watch(false);
  return has_written;
}

void DataConnection::read() {
  if (is_reading_) return;
  is_reading_ = true;
  for (int turn = 0; turn < kReadsPerTurn && state_ != State::ended; ++turn) {
    iovec targets[FrameReader::kTargetsMax];
    const int count = reader_.targets(targets);
    std::size_t wanted = 0;
    for (int index = 0; index < count; ++index) wanted += targets[index].iov_len;
    const ssize_t got = ::readv(socket_.get(), targets, count);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) end(lost(std::strerror(errno)));
      break;
    }
    if (got == 0) {
      end(lost(reader_.is_at_frame_border() ? "the peer has closed it"
                                            : "the peer has closed it in the middle of a frame"));
      break;
    }
    if (auto result = reader_.received(static_cast<std::size_t>(got), *this); !result.ok()) {
      end(result.error());
      break;
    }
    if (static_cast<std::size_t>(got) < wanted) break;  // the socket is empty
  }
  is_reading_ = false;
}

void DataConnection::end(const Error& reason) {
  if (state_ == State::ended) return;
  const bool was_proven = state_ == State::proven;
  state_ = State::ended;
  poller_.remove(socket_.get(), this);
  socket_.reset(-1);
  if (reason.code == ErrorCode::corrupt || reason.code == ErrorCode::permission_denied)
    LOG_WARN("data connection with {} closed{}: {}", peer(), was_proven ? "" : " before it had proved itself",
             reason.message);
  events_.on_ended(*this, reason);
}

BlockTarget DataConnection::block_target(std::uint32_t channel) {
  return state_ == State::proven ? events_.block_target(*this, channel) : BlockTarget{};
}

Result<void> DataConnection::on_block(std::uint32_t channel, Block* block) {
  return events_.on_block(*this, channel, block);
}

Result<void> DataConnection::on_frame(const FrameHeader& header, std::string_view payload) {
  if (header.kind <= FrameKind::auth_proof) return prove(header, payload);
  if (state_ != State::proven) return violation("a frame before the job's secret was proved");
  return events_.on_frame(*this, header, payload);
}

Result<void> DataConnection::prove(const FrameHeader& header, std::string_view payload) {
  if (state_ == State::proven) return violation("a second proof");
  const auto wrong = Error::external(ErrorCode::permission_denied, "it does not know the job's secret");
  if (side_ == ProvingSide::producer && header.kind == FrameKind::auth_start && peer_name_.empty()) {
    TRY(const AuthStart start, decode_auth_start(payload));
    if (start.task_manager_id.empty()) return violation("a peer without a name");
    facts_.consumer_nonce = start.nonce;
    facts_.consumer_slot = start.slot;
    peer_name_ = start.task_manager_id;
    const AuthChallenge challenge{facts_.producer_nonce, make_proof(secret_, ProvingSide::producer, facts_)};
    enqueue(frame_of(FrameKind::auth_challenge, 0, encode(challenge)));
    flush();
    return {};
  }
  if (side_ == ProvingSide::producer && header.kind == FrameKind::auth_proof && !peer_name_.empty()) {
    std::array<unsigned char, kProofBytes> proof{};
    if (payload.size() != proof.size()) return violation("a proof of another length");
    std::memcpy(proof.data(), payload.data(), proof.size());
    if (!is_proof(secret_, ProvingSide::consumer, facts_, proof)) return wrong;
  } else if (side_ == ProvingSide::consumer && header.kind == FrameKind::auth_challenge) {
    TRY(const AuthChallenge challenge, decode_auth_challenge(payload));
    facts_.producer_nonce = challenge.nonce;
    if (!is_proof(secret_, ProvingSide::producer, facts_, challenge.proof)) return wrong;
    const auto proof = make_proof(secret_, ProvingSide::consumer, facts_);
    enqueue(frame_of(FrameKind::auth_proof, 0, {reinterpret_cast<const char*>(proof.data()), proof.size()}));
  } else {
    return violation("a proof out of turn");
  }
  state_ = State::proven;
  for (; !waiting_.empty(); waiting_.pop_front()) enqueue(std::move(waiting_.front()));
  events_.on_proven(*this);
  return {};
}

}  // namespace weir::taskmanager
