#include "jobmanager/blob/artefact_sweeper.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <utility>

namespace weir::jobmanager {

using namespace asio::experimental::awaitable_operators;

ArtefactSweeper::ArtefactSweeper(asio::any_io_executor executor, Clock& clock, BlobStore& blobs,
                                 std::function<std::set<std::string>()> keys_in_use)
    : clock_(clock),
      blobs_(blobs),
      keys_in_use_(std::move(keys_in_use)),
      wanted_(executor),
      scope_(executor, "artefact sweeper") {}

Async<void> ArtefactSweeper::sweep() {
  for (;;) {
    auto wanted = wanted_.wait();
    auto pause = clock_.sleep_for(kPause);
    auto race = std::move(wanted) || std::move(pause);
    co_await std::move(race);
    wanted_.reset();
    co_await blobs_.remove_unused(keys_in_use_);
  }
}

}  // namespace weir::jobmanager
