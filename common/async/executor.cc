#include "common/async/executor.h"

#include <pthread.h>

#include "common/base/ensure.h"

namespace weir {

ControlThread::ControlThread(std::string name) : name_(std::move(name)) {}

ControlThread::~ControlThread() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void ControlThread::start() {
  ENSURE(!thread_.joinable(), "control thread {} started twice", name_);
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), name_.substr(0, 15).c_str());
    loop();
  });
}

void ControlThread::run() { loop(); }

void ControlThread::stop() { context_.stop(); }

void ControlThread::loop() {
  context_.restart();
  thread_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  {
    const auto work = asio::make_work_guard(context_);
    context_.run();
  }
  thread_id_.store(std::thread::id(), std::memory_order_relaxed);
}

void ControlThread::check_control_thread() const {
  const auto owner = thread_id_.load(std::memory_order_relaxed);
  ENSURE(owner == std::this_thread::get_id() || owner == std::thread::id(), "called off the control thread {}", name_);
}

Error detail::unexpected_exception(const std::exception_ptr& thrown) {
  std::string text = "an unexpected exception";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    text += std::string(": ") + exception.what();
  } catch (...) {
  }
  return Error::internal(std::move(text));
}

BlockingPool::BlockingPool(std::size_t threads) : pool_(threads) {}

BlockingPool::~BlockingPool() { pool_.join(); }

}  // namespace weir
