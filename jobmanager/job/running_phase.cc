// Running: every TaskManager has its tasks; they report until they finish.
#include "jobmanager/job/live_phase.h"

namespace weir::jobmanager {

namespace {

class RunningPhase final : public LivePhase {
 public:
  using LivePhase::LivePhase;
  void begin() override {}
};

}  // namespace

std::unique_ptr<Phase> make_running_phase(PhaseContext& context) { return std::make_unique<RunningPhase>(context); }

}  // namespace weir::jobmanager
