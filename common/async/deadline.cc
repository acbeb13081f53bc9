#include "common/async/deadline.h"

namespace weir {

Error deadline_error(std::string_view what) {
  return Error::external(ErrorCode::deadline_exceeded, "no answer in time: " + std::string(what));
}

}  // namespace weir
