#include "taskmanager/worker/slot_loop.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/ensure.h"
#include "common/base/vector_registers.h"
#include "taskmanager/crash/crash_handler.h"

namespace weir::taskmanager {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
/// A busy loop looks at its descriptors after so many rounds: the system call is then lost among the batches.
constexpr std::uint32_t kRoundsPerPoll = 4;
constexpr std::uint32_t kRoundsPerPollWithoutSockets = 16;

/// "Map (2/4)", for sentences.
std::string name_of(const Peers& peers, const Peer& peer) {
  return fmt::format("{} ({}/{})", peers.vertex_name, peer.subtask + 1, peers.parallelism);
}

}  // namespace

/// A task with what the loop knows of it; passes its changes on.
struct SlotLoop::Running final : TaskEvents {
  Running(SlotLoop& loop, const TaskSpec& spec) : loop(loop), record(spec.record), depth(spec.depth) {}
  void on_task_status(const Task&, TaskStatus status, const TaskFailure* failure) override {
    if (is_over(status)) {
      loop.has_over_ = true;
      record->is_over.store(true, std::memory_order_release);
    }
    loop.events_.on_task_status(*record, status, failure);
  }

  SlotLoop& loop;
  const std::shared_ptr<TaskRecord> record;
  const std::uint32_t depth;
  std::unique_ptr<Task> task;
};

/// Takes the rings out of the waker's descriptor: the sleep has ended, and that is all.
class SlotLoop::Bell final : public PollWatcher {
 public:
  explicit Bell(Waker& waker) : waker_(waker) {}
  void on_ready(std::uint32_t) override { waker_.silence(); }

 private:
  Waker& waker_;
};

SlotLoop::SlotLoop(Settings settings, const TimeSource& time, HostResolver& resolver, SlotEvents& events)
    : settings_(std::move(settings)), resolver_(resolver), events_(events), pool_(settings_.pool_bytes), clock_(time) {
  bell_ = std::make_unique<Bell>(waker_);
  ENSURE(poller_.watch(waker_.fd(), EPOLLIN, bell_.get()), "slot {}: its eventfd can't be watched", settings_.slot);
  connections_ = std::make_unique<SlotConnections>(settings_.connections, poller_, pool_, waker_, resolver_);
}

SlotLoop::~SlotLoop() {
  ask_to_stop();
  join();
}

void SlotLoop::start() {
  was_started_ = true;
  thread_ = std::thread([this] {
    const CrashStack crash_stack;
    ::pthread_setname_np(::pthread_self(), fmt::format("slot-{}", settings_.slot).c_str());
    clear_upper_halves();  // inherited from the thread that started this one
    pool_.adopt();
    run();
  });
}

void SlotLoop::deploy(std::unique_ptr<TaskSpec> spec) { post(std::move(spec)); }
void SlotLoop::cancel(const ExecutionId& execution) { post(Cancel{execution}); }
void SlotLoop::accept(UniqueFd socket) { post(Accept{std::move(socket)}); }
void SlotLoop::ask_to_stop() { post(Stop{}); }
void SlotLoop::join() {
  if (thread_.joinable()) {
    thread_.join();
    pool_.adopt();
  } else if (!was_started_) {
    end();
  }
  const std::lock_guard lock(mutex_);
  mail_.clear();  // its channels hold blocks of other slots, whose pools are still there
}

void SlotLoop::post(Mail mail) {
  {
    const std::lock_guard lock(mutex_);
    mail_.push_back(std::move(mail));
    has_mail_.store(true, std::memory_order_release);
  }
  waker_.wake_if_parked();
}

bool SlotLoop::take_mail() {
  if (!has_mail_.load(std::memory_order_acquire)) return false;
  std::vector<Mail> mail;
  {
    const std::lock_guard lock(mutex_);
    mail.swap(mail_);
    has_mail_.store(false, std::memory_order_relaxed);
  }
  for (auto& item : mail) {
    if (auto* const spec = std::get_if<std::unique_ptr<TaskSpec>>(&item)) {
      build(std::move(*spec));
    } else if (auto* const cancel = std::get_if<Cancel>(&item)) {
      for (auto& running : tasks_)
        if (running->record->execution == cancel->execution) running->task->cancel();
    } else if (auto* const accept = std::get_if<Accept>(&item)) {
      connections_->producers().accept(std::move(accept->socket), clock_.now_us());
    } else {
      is_stopping_ = true;
    }
  }
  return true;
}

void SlotLoop::build(std::unique_ptr<TaskSpec> spec) {
  auto running = std::make_unique<Running>(*this, *spec);
  try {
    running->task =
        std::make_unique<Task>(parts_of(*spec), OperatorChain::Surroundings{pool_, clock_, poller_}, *running);
  } catch (...) {  // making the key of an exchange runs user code
    const TaskFailure failure =
        failure_of_exception(fmt::format("in task '{}'", spec->facts.task_name), settings_.throw_place);
    spec->record->is_over.store(true, std::memory_order_release);
    events_.on_task_status(*spec->record, TaskStatus::failed, &failure);
    return;
  }
  for (auto& input : spec->outputs)
    for (auto& peer : input.consumers.tasks)
      if (peer.local != nullptr) peer.local->connect();
  running->task->start();
  const auto place =
      std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& other) { return other->depth < running->depth; });
  tasks_.insert(place, std::move(running));
}

Task::Parts SlotLoop::parts_of(TaskSpec& spec) {
  Task::Parts parts;
  for (const auto& output : spec.outputs) parts.writers.push_back(writer_of(output, spec));
  if (!spec.inputs.empty()) {
    std::vector<InputReader::Edge> edges;
    for (const auto& input : spec.inputs) edges.push_back(edge_of(input, spec));
    parts.input = std::make_unique<InputReader>(std::move(edges), pool_);
  }
  parts.facts = std::move(spec.facts);
  parts.plan = std::move(spec.chain);
  parts.metrics = spec.record->metrics;
  parts.throw_place = settings_.throw_place;
  return parts;
}

std::unique_ptr<OutputWriter> SlotLoop::writer_of(const OutputSpec& spec, const TaskSpec& task) {
  auto hasher = spec.plan->make_key_hasher ? spec.plan->make_key_hasher() : nullptr;
  auto router = spec.plan->make_router ? spec.plan->make_router() : nullptr;
  auto partitioner = std::make_unique<Partitioner>(spec.partitioner, std::move(hasher), std::move(router));
  std::vector<std::unique_ptr<OutputChannel>> channels;
  const auto failure = std::make_shared<FirstFailure>();
  for (const auto& peer : spec.consumers.tasks) {
    if (peer.local != nullptr) {
      channels.push_back(std::make_unique<LocalOutput>(peer.local));
    } else {
      const plan::PlacedTask& placed = task.table->at({spec.consumers.vertex, peer.subtask});
      channels.push_back(
          connections_->producers().make_output({.key = {spec.edge, task.record->execution, placed.execution},
                                                 .consumer_name = name_of(spec.consumers, peer),
                                                 .failure = failure}));
    }
  }
  auto partition = std::make_unique<OutputPartition>(std::move(channels), failure);
  return std::make_unique<OutputWriter>(spec.layout, std::move(partitioner), std::move(partition), pool_, task.flush);
}

InputReader::Edge SlotLoop::edge_of(const InputSpec& spec, const TaskSpec& task) {
  std::vector<std::unique_ptr<InputChannel>> channels;
  const auto failure = std::make_shared<FirstFailure>();
  for (const auto& peer : spec.producers.tasks) {
    if (peer.local != nullptr) {
      channels.push_back(std::make_unique<LocalInput>(peer.local));
      continue;
    }
    const plan::PlacedTask& placed = task.table->at({spec.producers.vertex, peer.subtask});
    const plan::TaskManagerPlace& there = task.table->places[placed.place];
    RemoteInput::Facts facts{.key = {spec.edge, placed.execution, task.record->execution},
                             .producer_name = name_of(spec.producers, peer),
                             .layout = spec.layout,
                             .window = spec.window,
                             .signals = spec.signals,
                             .index = static_cast<std::uint32_t>(channels.size()),
                             .failure = failure};
    const ProducerPlace place{there.host, there.data_port, placed.slot};
    channels.push_back(connections_->consumers().make_input(std::move(facts), place, clock_.now_us()));
  }
  auto gate = std::make_unique<InputGate>(std::move(channels), spec.signals, failure);
  return {spec.input, std::move(gate), spec.layout};
}

void SlotLoop::run() {
  while (!is_stopping_) {
    clock_.read();
    if (round()) {
      idle_since_us_ = 0;
    } else {
      rest();
    }
  }
  end();
}

void SlotLoop::end() {
  tasks_.clear();
  connections_.reset();  // sockets close; blocks in their queues go home
  const std::lock_guard lock(mutex_);
  mail_.clear();
}

bool SlotLoop::drive(const ChooseTask& choose) {
  clock_.read();
  bool has_worked = take_mail();
  has_worked |= poll_sockets();
  if (!tasks_.empty()) {
    Running& running = *tasks_[choose(tasks_.size()) % tasks_.size()];
    has_worked |= step(running);
    has_worked |= has_worked ? running.task->flush_due() : running.task->flush_idle();
  }
  has_worked |= connections_->flush();
  if (has_over_) remove_over();
  return has_worked;
}

bool SlotLoop::round() {
  bool has_worked = take_mail();
  const std::uint32_t rounds_per_poll = connections_->is_empty() ? kRoundsPerPollWithoutSockets : kRoundsPerPoll;
  if (idle_since_us_ != 0 || ++rounds_since_poll_ >= rounds_per_poll) has_worked |= poll_sockets();
  for (auto& running : tasks_) has_worked |= step(*running);
  for (auto& running : tasks_) has_worked |= running->task->flush_due();
  if (!has_worked)
    for (auto& running : tasks_) has_worked |= running->task->flush_idle();
  has_worked |= connections_->flush();
  if (has_over_) remove_over();
  return has_worked;
}

bool SlotLoop::step(Running& running) {
  const std::int64_t began_us = clock_.now_us();
  const StepOutcome outcome = running.task->step();
  const bool has_worked = outcome == StepOutcome::worked || outcome == StepOutcome::over;
  if (has_worked) clock_.read();
  if (outcome != StepOutcome::over) running.task->publish(outcome, began_us);
  return has_worked;
}

bool SlotLoop::poll_sockets() {
  rounds_since_poll_ = 0;
  const bool has_worked = poller_.wait(0) > 0;
  return connections_->on_time(clock_.now_us()) || has_worked;
}

void SlotLoop::remove_over() {
  has_over_ = false;
  std::erase_if(tasks_, [](const auto& running) { return running->task->is_over(); });
}

std::int64_t SlotLoop::next_wake_us() const {
  std::int64_t next = connections_->next_time_us();
  for (const auto& running : tasks_) next = std::min(next, running->task->next_wake_us());
  return next;
}

void SlotLoop::rest() {
  if (idle_since_us_ == 0) idle_since_us_ = clock_.now_us();
  if (clock_.now_us() - idle_since_us_ < settings_.spin_us) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
    return;
  }
  // Others ring only while the flag is up; what came before it went up is found by one more round.
  waker_.park();
  clock_.read();
  if (round() || is_stopping_) {
    waker_.unpark();
    idle_since_us_ = 0;
    return;
  }
  pool_.collect_returned();
  const std::int64_t wake_us = next_wake_us();
  const std::int64_t timeout_us = wake_us == kNever ? -1 : std::max<std::int64_t>(wake_us - clock_.now_us(), 0);
  poller_.wait(timeout_us == 0 ? 1 : timeout_us);
  waker_.unpark();
  idle_since_us_ = 0;
  clock_.read();
  connections_->awake(clock_.now_us());
}

}  // namespace weir::taskmanager
