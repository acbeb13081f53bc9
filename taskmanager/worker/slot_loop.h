// The loop of one slot: a thread that steps all tasks of the slot and sleeps when none has anything to do.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "common/base/unique_fd.h"
#include "taskmanager/exchange/poller.h"
#include "taskmanager/exchange/slot_block_pool.h"
#include "taskmanager/exchange/slot_connections.h"
#include "taskmanager/exchange/waker.h"
#include "taskmanager/task/task.h"
#include "taskmanager/worker/task_spec.h"

namespace weir::taskmanager {

/// Told about the tasks of all slots. Lives on: the slots' threads; calls return at once.
class SlotEvents {
 public:
  virtual ~SlotEvents() = default;
  /// @param failure  null unless `status` is failed
  virtual void on_task_status(const TaskRecord& record, TaskStatus status, const TaskFailure* failure) = 0;
};

/// Polls the slot's sockets and mail, steps its tasks downstream first, spins for a moment when nothing is to be done,
/// then sleeps. Lives on: its own thread between `start` and `stop`; the verbs below any thread. Owned by the runtime.
/// The pool and the waker outlive the thread: other slots use them until they have stopped, too.
class SlotLoop {
 public:
  struct Settings {
    std::uint32_t slot = 0;
    std::uint64_t pool_bytes = 0;
    std::uint32_t spin_us = 0;  ///< how long to look for work before sleeping
    ThrowPlace throw_place = nullptr;
    SlotConnections::Settings connections;
  };
  /// @param time  outlives the loop
  SlotLoop(Settings settings, const TimeSource& time, HostResolver& resolver, SlotEvents& events);
  ~SlotLoop();
  SlotLoop(const SlotLoop&) = delete;
  SlotLoop& operator=(const SlotLoop&) = delete;

  void start();
  /// Which of the slot's tasks is stepped next; they stand downstream first.
  using ChooseTask = std::function<std::size_t(std::size_t tasks)>;
  /// One turn of a slot that is not started, on the caller's thread, always the same one: takes the mail, looks at the
  /// sockets, and steps the task that `choose` names. @return  whether anything was done
  bool drive(const ChooseTask& choose);
  /// Builds and runs the task; what becomes of it is told to the events.
  void deploy(std::unique_ptr<TaskSpec> spec);
  void cancel(const ExecutionId& execution);
  /// A data connection that another slot has dialled, after its hello.
  void accept(UniqueFd socket);
  /// Asks the thread to end; its tasks are dropped without a word. Does not wait.
  void ask_to_stop();
  void join();

  Waker& waker() { return waker_; }
  PoolUsage pool_usage() const { return pool_.usage(); }

 private:
  struct Running;
  struct Cancel {
    ExecutionId execution;
  };
  struct Accept {
    UniqueFd socket;
  };
  struct Stop {};
  using Mail = std::variant<std::unique_ptr<TaskSpec>, Cancel, Accept, Stop>;
  class Bell;

  void post(Mail mail);
  bool take_mail();
  void build(std::unique_ptr<TaskSpec> spec);
  Task::Parts parts_of(TaskSpec& spec);
  std::unique_ptr<OutputWriter> writer_of(const OutputSpec& spec, const TaskSpec& task);
  InputReader::Edge edge_of(const InputSpec& spec, const TaskSpec& task);
  void run();
  void end();
  /// Steps everything once. @return  whether anything was done
  bool round();
  bool step(Running& running);
  bool poll_sockets();
  void remove_over();
  /// Nothing to do: spins for a while, then sleeps.
  void rest();
  std::int64_t next_wake_us() const;

  // Set once
  const Settings settings_;
  HostResolver& resolver_;
  SlotEvents& events_;
  // Any thread
  Waker waker_;
  SlotBlockPool pool_;
  std::mutex mutex_;
  std::atomic<bool> has_mail_{false};
  // Guarded by mutex_
  std::vector<Mail> mail_;
  // The slot's thread only
  StepClock clock_;
  Poller poller_;
  std::unique_ptr<Bell> bell_;
  std::unique_ptr<SlotConnections> connections_;
  std::vector<std::unique_ptr<Running>> tasks_;  // downstream first
  bool is_stopping_ = false;
  bool has_over_ = false;
  std::uint32_t rounds_since_poll_ = 0;
  std::int64_t idle_since_us_ = 0;  // 0: not idle
  // Owner's thread
  bool was_started_ = false;
  std::thread thread_;
};

}  // namespace weir::taskmanager
