#include "cli/interrupt.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace weir::cli {

namespace {

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Interrupt::Interrupt() {
  sigset_t signals = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  descriptor_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

Interrupt::~Interrupt() {
  if (descriptor_ >= 0) ::close(descriptor_);
  sigset_t signals = ending_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

bool Interrupt::wait_for(std::chrono::milliseconds pause) {
  if (signalled_) return true;
  pollfd poll{descriptor_, POLLIN, 0};
  if (::poll(&poll, 1, static_cast<int>(pause.count())) > 0) {
    // The signal stays pending until it is read; unread it would end the program when it is unblocked.
    signalfd_siginfo taken;
    signalled_ = ::read(descriptor_, &taken, sizeof taken) == sizeof taken;
  }
  return signalled_;
}

}  // namespace weir::cli
