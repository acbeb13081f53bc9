// A number of coroutines may do a thing at once; more wait.
#pragma once

#include "common/async/event.h"
#include "common/async/task.h"

namespace weir {

/// Places that are taken and given back:
///     co_await turns.take();
///     const Turns::Given given(turns);   // gives it back at the scope's end
/// Lives on: one thread, its executor's. Outlives those who wait.
class Turns {
 public:
  class Given {
   public:
    explicit Given(Turns& turns) : turns_(turns) {}
    ~Given() { turns_.give(); }
    Given(const Given&) = delete;

   private:
    Turns& turns_;
  };

  /// @param places  at least 1
  Turns(asio::any_io_executor executor, int places);

  /// Returns once there is a place, which is then taken. Can be cancelled.
  Async<void> take();
  int free() const { return free_; }

 private:
  void give();

  int free_;
  Event has_free_;
};

}  // namespace weir
