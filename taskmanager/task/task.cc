#include "taskmanager/task/task.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/ensure.h"
#include "common/base/vector_registers.h"
#include "common/observe/log.h"

namespace weir::taskmanager {

namespace {

/// Batches that a step handles at most: enough that a consumer keeps pace with several producers, few enough that the
/// others in the slot wait for microseconds.
constexpr int kBatchesPerStep = 4;
/// How often the channels are looked at for the metrics, at most: there may be hundreds of them.
constexpr std::int64_t kQueueLookUs = 50'000;
constexpr std::int64_t kQueueLookAfterChangeUs = 1'000;

/// Gives a block back unless somebody has taken it, also when user code throws.
class BatchOfInput {
 public:
  explicit BatchOfInput(Block* block) : batch_(block), block_(block) {}
  ~BatchOfInput() {
    if (!batch_.taken()) block_->home->give(block_);
  }
  BatchOfInput(const BatchOfInput&) = delete;
  BatchOfInput& operator=(const BatchOfInput&) = delete;
  Batch& batch() { return batch_; }

 private:
  Batch batch_;
  Block* const block_;
};

}  // namespace

Task::Task(Parts parts, OperatorChain::Surroundings surroundings, TaskEvents& events)
    : facts_(std::move(parts.facts)),
      metrics_(std::move(parts.metrics)),
      throw_place_(parts.throw_place),
      clock_(surroundings.clock),
      events_(events),
      input_(std::move(parts.input)),
      writers_(std::move(parts.writers)),
      chain_(std::make_unique<OperatorChain>(std::move(parts.plan), writers_, facts_, surroundings, *metrics_)),
      waits_for_last_checkpoint_(parts.waits_for_last_checkpoint) {}

Task::~Task() { release(); }

void Task::start() {
  activity_ = Activity::busy;
  metrics_->turn(activity_, clock_.now_us());
  change(TaskStatus::initializing, nullptr);
  try {
    if (auto opened = chain_->open(); !opened.ok()) return fail(opened.error());
  } catch (...) {
    return fail(failure_of_exception(chain_->place(), throw_place_));
  }
  is_open_ = true;
}

StepOutcome Task::step() {
  if (is_over()) return StepOutcome::over;
  clear_upper_halves();
  try {
    const StepOutcome outcome = step_checked();
    clear_upper_halves();
    return outcome;
  } catch (...) {
    clear_upper_halves();
    fail(failure_of_exception(chain_->place(), throw_place_));
    return StepOutcome::over;
  }
}

StepOutcome Task::step_checked() {
  if (!is_open_) return StepOutcome::idle;
  if (fail_if_broken()) return StepOutcome::over;
  if (status_ == TaskStatus::initializing) {
    if (input_ != nullptr && !input_->is_connected()) return StepOutcome::idle;
    change(TaskStatus::running, nullptr);
    return StepOutcome::worked;
  }
  bool has_worked = false;
  for (auto& writer : writers_)
    if (writer->partition().is_blocked()) has_worked |= writer->partition().retry();
  if (has_ended_) return step_closing(has_worked);
  has_worked |= chain_->run_timers();
  const auto advanced = chain_->advance();
  if (!advanced.ok()) {
    fail(advanced.error());
    return StepOutcome::over;
  }
  has_worked |= *advanced;
  if (is_output_blocked()) return has_worked ? StepOutcome::worked : StepOutcome::backpressured;
  if (!chain_->is_settled()) return has_worked ? StepOutcome::worked : StepOutcome::waiting;
  if (chain_->is_preparing_snapshot()) return has_worked ? StepOutcome::worked : StepOutcome::waiting;
  const StepOutcome outcome = is_ending_ ? step_ending() : input_ == nullptr ? step_source() : step_input();
  return outcome == StepOutcome::idle && has_worked ? StepOutcome::worked : outcome;
}

StepOutcome Task::step_source() {
  auto polled = chain_->poll_source();
  if (polled.ok() && *polled) {
    if (auto advanced = chain_->advance(); !advanced.ok()) polled = advanced.error();
  }
  if (!polled.ok()) {
    fail(polled.error());
    return StepOutcome::over;
  }
  if (chain_->is_source_finished()) begin_ending(0);
  return *polled ? StepOutcome::worked : StepOutcome::idle;
}

StepOutcome Task::step_input() {
  bool has_worked = false;
  InputEvent event;
  for (int batches = 0; batches < kBatchesPerStep && !is_ending_ && input_->next(event); ++batches) {
    has_worked = true;
    handle(event);
    clear_upper_halves();  // before the next rows are gathered
    if (is_over()) return StepOutcome::over;
    if (is_output_blocked() || !chain_->is_settled()) break;
  }
  // All producers have ended, and not all of their data: the job is stopped without draining.
  if (!is_ending_ && input_->is_at_end() && chain_->is_settled() && !is_output_blocked()) {
    has_ended_ = true;
    return StepOutcome::worked;
  }
  return has_worked ? StepOutcome::worked : StepOutcome::idle;
}

void Task::handle(const InputEvent& event) {
  switch (event.kind) {
    case InputEvent::Kind::block: {
      BatchOfInput input(event.block);
      chain_->process(event.input, input.batch());
      break;
    }
    case InputEvent::Kind::watermark: chain_->on_watermark(event.watermark_ms); break;
    case InputEvent::Kind::end_of_data:
      if (input_->is_data_at_end()) return begin_ending(event.input);
      chain_->end_of_input(event.input);
      break;
  }
  if (auto advanced = chain_->advance(); !advanced.ok()) fail(advanced.error());
}

void Task::begin_ending(std::uint32_t last_input) {
  is_ending_ = true;
  last_input_ = last_input;
}

StepOutcome Task::step_ending() {
  auto ended = chain_->step_ending(last_input_);
  if (!ended.ok()) {
    fail(ended.error());
    return StepOutcome::over;
  }
  if (!*ended) return StepOutcome::worked;
  for (auto& writer : writers_) writer->end_data();
  has_ended_ = true;
  return StepOutcome::worked;
}

StepOutcome Task::step_closing(bool has_worked) {
  // Behind the end of their data producers only end.
  for (InputEvent event; input_ != nullptr && input_->next(event);) has_worked = true;
  if (is_output_blocked()) return has_worked ? StepOutcome::worked : StepOutcome::backpressured;
  if (waits_for_last_checkpoint_) return has_worked ? StepOutcome::worked : StepOutcome::idle;
  if (!std::exchange(has_ended_partition_, true)) {
    for (auto& writer : writers_) writer->end_partition();
    return StepOutcome::worked;
  }
  const bool is_done =
      std::all_of(writers_.begin(), writers_.end(), [](const auto& writer) { return writer->partition().is_done(); });
  if (!is_done) return has_worked ? StepOutcome::worked : StepOutcome::backpressured;
  if (input_ != nullptr && !input_->is_at_end()) return has_worked ? StepOutcome::worked : StepOutcome::idle;
  finish();
  return StepOutcome::over;
}

std::optional<std::vector<OperatorSnapshot>> Task::snapshot(std::uint64_t checkpoint_id) {
  if (is_over() || !is_open_) return std::nullopt;
  try {
    const auto prepared = chain_->step_prepare_snapshot(checkpoint_id);
    if (!prepared.ok()) {
      fail(prepared.error());
      return std::nullopt;
    }
    if (!*prepared) return std::nullopt;
    auto taken = chain_->snapshot(checkpoint_id);
    if (taken.ok()) return std::move(taken).value();
    fail(taken.error());
  } catch (...) {
    fail(failure_of_exception(chain_->place(), throw_place_));
  }
  return std::nullopt;
}

void Task::checkpoint_completed(std::uint64_t checkpoint_id) {
  if (is_over() || !is_open_) return;
  try {
    if (auto taken = chain_->checkpoint_completed(checkpoint_id); !taken.ok()) fail(taken.error());
  } catch (...) {
    fail(failure_of_exception(chain_->place(), throw_place_));
  }
}

void Task::checkpoint_aborted(std::uint64_t checkpoint_id) {
  if (is_over() || !is_open_) return;
  try {
    chain_->checkpoint_aborted(checkpoint_id);
  } catch (...) {
    fail(failure_of_exception(chain_->place(), throw_place_));
  }
}

bool Task::is_output_blocked() const {
  for (const auto& writer : writers_)
    if (writer->partition().is_blocked()) return true;
  return false;
}

bool Task::fail_if_broken() {
  const Error* error = input_ != nullptr ? input_->failure() : nullptr;
  for (const auto& writer : writers_)
    if (error == nullptr && writer->partition().failure()) error = &*writer->partition().failure();
  if (error == nullptr) return false;
  fail(Error(*error));
  return true;
}

void Task::finish() {
  publish(StepOutcome::over, clock_.now_us());
  // Everything has arrived; but an operator that could not put away what it had is not done, and says so as Flink's do.
  if (auto thrown = chain_->close(throw_place_)) return fail(std::move(*thrown));
  release();
  change(TaskStatus::finished, nullptr);
}

void Task::cancel() {
  if (is_over()) return;
  release();
  change(TaskStatus::canceled, nullptr);
}

void Task::fail(const Error& error) { fail(failure_of(error, chain_->place())); }

void Task::fail(TaskFailure failure) {
  if (is_over()) return;
  publish(StepOutcome::over, clock_.now_us());
  release();
  if (!facts_.log) LOG_WARN("{} failed: {}: {}", facts_.display_name(), failure.exception, failure.message);
  change(TaskStatus::failed, &failure);
}

void Task::change(TaskStatus status, const TaskFailure* failure) {
  status_ = status;
  events_.on_task_status(*this, status, failure);
}

void Task::release() noexcept {
  if (chain_ != nullptr) chain_->close(throw_place_);
  writers_.clear();
  input_.reset();
}

bool Task::flush_idle() {
  bool has_sent = false;
  for (auto& writer : writers_)
    if (!writer->partition().is_blocked()) has_sent |= writer->flush_idle(clock_.now_us());
  return has_sent;
}

bool Task::flush_due() {
  bool has_sent = false;
  for (auto& writer : writers_)
    if (!writer->partition().is_blocked()) has_sent |= writer->flush_due(clock_.now_us());
  return has_sent;
}

std::int64_t Task::next_wake_us() const {
  constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  if (is_over()) return kNever;
  std::int64_t next = kNever;
  for (const auto& writer : writers_) {
    if (writer->partition().is_blocked()) continue;  // its consumer wakes the loop
    next = std::min(next, writer->next_flush_us(true));
  }
  if (const std::int64_t wake_ms = chain_->next_wake_ms(); wake_ms != Timers::kNever)
    next = std::min(next, wake_ms * 1000);
  return next;
}

void Task::publish(StepOutcome outcome, std::int64_t began_us) {
  if (input_ != nullptr) {
    metrics_->records_in.set(input_->rows_in());
    metrics_->bytes_in.set(input_->bytes_in());
    metrics_->blocks_in.set(input_->blocks_in());
  }
  if (!writers_.empty()) {
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    std::uint64_t blocks = 0;
    for (const auto& writer : writers_) {
      rows += writer->rows_out();
      bytes += writer->bytes_out();
      blocks += writer->blocks_out();
    }
    metrics_->records_out.set(rows);
    metrics_->bytes_out.set(bytes);
    metrics_->blocks_out.set(blocks);
  }
  // A step counts as busy from its beginning on; one that did nothing says how the time since the last step is spent
  // from now on.
  const Activity activity = outcome == StepOutcome::idle            ? Activity::idle
                            : outcome == StepOutcome::backpressured ? Activity::backpressured
                                                                    : Activity::busy;
  // Soon after a change, too: a loop that goes to sleep leaves its last look standing.
  if (began_us - looked_us_ >= (activity != activity_ ? kQueueLookAfterChangeUs : kQueueLookUs))
    look_at_queues(began_us);
  if (activity == activity_) return;
  activity_ = activity;
  metrics_->turn(activity, began_us);
}

void Task::look_at_queues(std::int64_t now_us) {
  looked_us_ = now_us;
  if (input_ != nullptr) {
    const ChannelFill fill = input_->fill();
    metrics_->input_queued.set(fill.blocks);
    metrics_->input_window.set(fill.window);
  }
  ChannelFill fill;
  for (const auto& writer : writers_) fill += writer->partition().fill();
  metrics_->output_queued.set(fill.blocks);
  metrics_->output_window.set(fill.window);
}

}  // namespace weir::taskmanager
