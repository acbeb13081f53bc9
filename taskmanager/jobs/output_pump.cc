#include "taskmanager/jobs/output_pump.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "common/base/text.h"

namespace weir::taskmanager {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;  // a pipe's size

}  // namespace

void LastLines::add(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto newline = bytes.find('\n');
    const auto part = bytes.substr(0, newline);
    open_ += part.substr(0, kLineBytesMax - std::min(open_.size(), kLineBytesMax));
    if (newline == std::string_view::npos) return;
    end_line();
    bytes.remove_prefix(newline + 1);
  }
}

void LastLines::end_line() {
  if (!open_.empty()) lines_.push_back(std::move(open_));
  open_.clear();
  if (lines_.size() > kLinesMax) lines_.pop_front();
}

std::string LastLines::text() const {
  std::string text;
  for (const auto& line : lines_) text += printable(line, kLineBytesMax) + "\n";
  if (!open_.empty()) text += printable(open_, kLineBytesMax) + "\n";
  return text;
}

struct OutputPump::Pipe {
  asio::posix::stream_descriptor stream;
};

OutputPump::OutputPump(asio::any_io_executor executor, UniqueFd pipe, std::vector<OutputFile*> files)
    : files_(std::move(files)) {
  ::fcntl(pipe.get(), F_SETFL, ::fcntl(pipe.get(), F_GETFL) | O_NONBLOCK);
  pipe_ = std::make_unique<Pipe>(Pipe{asio::posix::stream_descriptor(std::move(executor), pipe.release())});
}

OutputPump::~OutputPump() = default;

Async<void> OutputPump::run() {
  std::string room(kReadBytes, '\0');
  for (;;) {
    const ssize_t size = ::read(pipe_->stream.native_handle(), room.data(), room.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) {
      if (stopping_) co_return;
      boost::system::error_code ignored;
      co_await pipe_->stream.async_wait(asio::posix::stream_descriptor::wait_read,
                                        asio::redirect_error(asio::use_awaitable, ignored));
      continue;
    }
    if (size <= 0) co_return;
    const std::string_view bytes(room.data(), static_cast<std::size_t>(size));
    last_.add(bytes);
    for (OutputFile* file : files_) co_await file->write(bytes);
  }
}

void OutputPump::stop() {
  stopping_ = true;
  pipe_->stream.cancel();
}

}  // namespace weir::taskmanager
