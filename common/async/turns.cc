#include "common/async/turns.h"

#include <utility>

#include "common/base/ensure.h"

namespace weir {

Turns::Turns(asio::any_io_executor executor, int places) : free_(places), has_free_(std::move(executor)) {
  ENSURE(places > 0, "{} places", places);
  has_free_.set();
}

Async<void> Turns::take() {
  while (free_ == 0) co_await has_free_.wait();
  if (--free_ == 0) has_free_.reset();
}

void Turns::give() {
  ++free_;
  has_free_.set();
}

}  // namespace weir
