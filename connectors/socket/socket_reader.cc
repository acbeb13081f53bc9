#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/try.h"
#include "common/base/unique_fd.h"
#include "connectors/files/byte_window.h"
#include "connectors/socket/dialler.h"
#include "weir/connectors/socket.h"

namespace weir::connectors {
namespace {

constexpr std::size_t kReceiveBytes = 64 * 1024;
constexpr std::size_t kDelimiterBytesMax = 256;

/// Lives on: the slot's thread.
class SocketReader final : public RawReader {
 public:
  explicit SocketReader(SocketSourceOptions options)
      : options_(std::move(options)),
        too_long_(fmt::format("the record is longer than {} bytes", options_.record_bytes_max)) {}

  Result<void> open(OperatorContext& context) override {
    context_ = &context;
    is_reader_ = context.subtask_index() == 0;
    return {};
  }

  Result<Progress> poll(std::vector<RawRecord>& records, std::size_t rows_max) override {
    if (!is_reader_) return Progress::finished();
    lines_.clear();
    while (true) {
      take_records(records, rows_max);
      if (!records.empty()) return Progress::more();
      if (has_ended_) return over();
      if (!socket_) {
        TRY(const bool connected, connect());
        if (!connected) return dialler_ ? dialler_->wait(context_->now_ms()) : Progress::blocked_until(dial_at_ms_);
      }
      TRY(const bool more, receive());
      if (!more && !has_ended_) return Progress::blocked_on(socket_.get());
    }
  }

  std::uint32_t sharers(std::uint32_t) const override { return 1; }
  std::string place(std::size_t index) const override {
    return fmt::format("{}:{} record {}", options_.host, options_.port, lines_[index]);
  }
  Result<void> snapshot(SnapshotContext&) override { return {}; }
  void close() noexcept override {
    dialler_.reset();
    socket_.reset(-1);
  }

 private:
  /// Errors: the server does not answer, and no try is left.
  Result<bool> connect() {
    const std::int64_t now_ms = context_->now_ms();
    if (!dialler_) {
      if (now_ms < dial_at_ms_) return false;
      dialler_ = std::make_unique<Dialler>(options_.host, options_.port, now_ms + options_.connect_timeout.count());
    }
    Result<std::optional<UniqueFd>> dialled = dialler_->dial(now_ms);
    if (dialled.ok() && !*dialled) return false;
    dialler_.reset();
    if (dialled.ok()) {
      socket_ = std::move(**dialled);
      context_->log(LogLevel::info, fmt::format("connected to {}:{}", options_.host, options_.port));
      return true;
    }
    if (!may_try_again())
      return options_.reconnect_tries == 0
                 ? dialled.error()
                 : dialled.error().within(fmt::format("tried {} times more", options_.reconnect_tries));
    context_->log(LogLevel::warn, dialled.error().message);
    return false;
  }

  /// Counts a try and sets its time.
  bool may_try_again() {
    if (options_.reconnect_tries != SocketSourceOptions::kEndless && tries_ >= options_.reconnect_tries) return false;
    tries_ += 1;
    dial_at_ms_ = context_->now_ms() + options_.retry_delay.count();
    return true;
  }

  /// @return whether there is something new: bytes, or the end
  Result<bool> receive() {
    const std::span<char> room = window_.room(kReceiveBytes);
    const ssize_t count = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (count > 0) {
      window_.added(static_cast<std::size_t>(count));
      tries_ = 0;
      return true;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    reset_reason_ = count < 0 ? std::strerror(errno) : "";
    has_ended_ = true;
    return true;
  }

  /// The connection has ended and all of it is handed on.
  Result<Progress> over() {
    socket_.reset(-1);
    if (!may_try_again()) {
      if (reset_reason_.empty()) return Progress::finished();
      return Error::external(ErrorCode::unavailable, fmt::format("the connection to {}:{} broke: {}", options_.host,
                                                                 options_.port, reset_reason_));
    }
    context_->log(LogLevel::warn, fmt::format("the connection to {}:{} has ended{}{}; dialling again", options_.host,
                                              options_.port, reset_reason_.empty() ? "" : ": ", reset_reason_));
    has_ended_ = false;
    is_overlong_ = false;
    searched_ = 0;
    return Progress::blocked_until(dial_at_ms_);
  }

  void take_records(std::vector<RawRecord>& records, std::size_t rows_max) {
    while (records.size() < rows_max) {
      const std::string_view bytes = window_.view();
      const std::size_t end = bytes.find(options_.delimiter, searched_);
      if (end != std::string_view::npos) {
        take(bytes.substr(0, end), records);
        window_.drop_front(end + options_.delimiter.size());
        searched_ = 0;
        continue;
      }
      if (has_ended_) {
        // Half a line at the end is a record, as in a file.
        if (!bytes.empty()) take(bytes, records);
        window_.drop_front(bytes.size());
        return;
      }
      // A delimiter may lie half in what has come.
      searched_ = bytes.size() - std::min(bytes.size(), options_.delimiter.size() - 1);
      if (searched_ > options_.record_bytes_max) drop_overlong(records);
      return;
    }
  }

  void take(std::string_view bytes, std::vector<RawRecord>& records) {
    if (std::exchange(is_overlong_, false)) return;
    if (options_.delimiter == "\n" && bytes.ends_with('\r')) bytes.remove_suffix(1);
    if (bytes.empty()) return;
    add(bytes, bytes.size() > options_.record_bytes_max, records);
  }

  /// The front of a record that is longer than allowed is handed on as a bad one, and its rest passed over.
  void drop_overlong(std::vector<RawRecord>& records) {
    if (!std::exchange(is_overlong_, true)) add(window_.view(), true, records);
    window_.drop_front(searched_);
    searched_ = 0;
  }

  void add(std::string_view bytes, bool is_too_long, std::vector<RawRecord>& records) {
    RawRecord record;
    record.bytes = bytes.substr(0, options_.record_bytes_max);
    if (is_too_long) record.broken = too_long_.c_str();
    records.push_back(record);
    lines_.push_back(++count_);
  }

  SocketSourceOptions options_;
  OperatorContext* context_ = nullptr;
  bool is_reader_ = false;

  std::unique_ptr<Dialler> dialler_;  // while a try is under way
  int tries_ = 0;                     // since bytes came
  std::int64_t dial_at_ms_ = 0;
  UniqueFd socket_;
  bool has_ended_ = false;
  std::string reset_reason_;  // empty: in order

  ByteWindow window_;
  std::size_t searched_ = 0;  // up to where the window has no delimiter
  bool is_overlong_ = false;
  std::string too_long_;
  std::uint64_t count_ = 0;
  std::vector<std::uint64_t> lines_;  // numbers of the last poll's records
};

}  // namespace

Result<void> check_socket_source(const SocketSourceOptions& options) {
  const auto refuse = [](std::string reason) { return Error::user(ErrorCode::invalid_argument, std::move(reason)); };
  if (options.host.empty()) return refuse("the host is missing");
  if (options.port < 1 || options.port > 65535)
    return refuse(fmt::format("{} is no port: it must be 1 to 65535", options.port));
  if (options.delimiter.empty() || options.delimiter.size() > kDelimiterBytesMax)
    return refuse(fmt::format("the delimiter must have 1 to {} bytes", kDelimiterBytesMax));
  if (options.record_bytes_max == 0) return refuse("record_bytes_max must be a byte or more");
  if (options.reconnect_tries < SocketSourceOptions::kEndless)
    return refuse("reconnect_tries must be 0 or more, or -1 for ever");
  if (options.retry_delay.count() < 0) return refuse("the retry delay must not be negative");
  if (options.connect_timeout.count() <= 0) return refuse("the connect timeout must be a millisecond or more");
  return {};
}

std::unique_ptr<RawReader> make_socket_reader(SocketSourceOptions options) {
  return std::make_unique<SocketReader>(std::move(options));
}

}  // namespace weir::connectors
