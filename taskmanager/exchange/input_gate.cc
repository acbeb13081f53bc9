#include "taskmanager/exchange/input_gate.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace weir::taskmanager {

InputGate::InputGate(std::vector<std::unique_ptr<InputChannel>> channels, std::shared_ptr<GateSignals> signals,
                     std::shared_ptr<const FirstFailure> failure)
    : channels_(std::move(channels)),
      signals_(std::move(signals)),
      failure_(std::move(failure)),
      ready_(signals_->words()) {
  // What came before the gate was there marked nobody.
  for (std::uint32_t channel = 0; channel < channels_.size(); ++channel)
    ready_[channel / 64] |= std::uint64_t{1} << (channel % 64);
}

bool InputGate::next(Element& element, std::uint32_t& channel) {
  const std::size_t words = ready_.size();
  for (std::size_t word = 0; word < words; ++word) ready_[word] |= signals_->take(word);
  // Bits from `after_` on first, then those before it.
  for (int round = 0; round < 2; ++round) {
    for (std::size_t word = round == 0 ? after_ / 64 : 0; word < words; ++word) {
      std::uint64_t bits = ready_[word];
      if (round == 0 && word == after_ / 64) bits &= ~std::uint64_t{0} << (after_ % 64);
      for (; bits != 0; bits &= bits - 1) {
        const auto bit = static_cast<std::uint32_t>(std::countr_zero(bits));
        channel = static_cast<std::uint32_t>(word) * 64 + bit;
        if (channels_[channel]->pop(element)) {
          after_ = channel + 1 == size() ? 0 : channel + 1;
          return true;
        }
        ready_[word] &= ~(std::uint64_t{1} << bit);
      }
    }
  }
  return false;
}

bool InputGate::is_connected() {
  if (!is_connected_)
    is_connected_ =
        std::all_of(channels_.begin(), channels_.end(), [](const auto& channel) { return channel->is_connected(); });
  return is_connected_;
}

}  // namespace weir::taskmanager
