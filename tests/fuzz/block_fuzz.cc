// A block with damage in it: either the checks refuse it, or every row can be read, or reading says that the row is no
// value of its type. The input says which valid block is made and what is done to its bytes, so that most of the damage
// lies behind the first checks.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "tests/unit/api/records.h"
#include "weir/block_check.h"
#include "weir/row_codec.h"

// By hand: libFuzzer comes with another compiler, which does not give the names of fields.
template <>
struct weir::Schema<weir::test::Point> {
  static constexpr std::string_view name = "Point";
  static constexpr auto fields =
      std::tuple{weir::Field{"x", &weir::test::Point::x}, weir::Field{"y", &weir::test::Point::y},
                 weir::Field{"marked", &weir::test::Point::marked}};
};
template <>
struct weir::Schema<weir::test::Bid> {
  static constexpr std::string_view name = "Bid";
  static constexpr auto fields =
      std::tuple{weir::Field{"auction", &weir::test::Bid::auction}, weir::Field{"bidder", &weir::test::Bid::bidder},
                 weir::Field{"price", &weir::test::Bid::price},     weir::Field{"time", &weir::test::Bid::time},
                 weir::Field{"channel", &weir::test::Bid::channel}, weir::Field{"url", &weir::test::Bid::url},
                 weir::Field{"extra", &weir::test::Bid::extra}};
};
template <>
struct weir::Schema<weir::test::Everything> {
  static constexpr std::string_view name = "Everything";
  static constexpr auto fields = std::tuple{weir::Field{"flag", &weir::test::Everything::flag},
                                            weir::Field{"small", &weir::test::Everything::small},
                                            weir::Field{"big", &weir::test::Everything::big},
                                            weir::Field{"single", &weir::test::Everything::single},
                                            weir::Field{"colour", &weir::test::Everything::colour},
                                            weir::Field{"at", &weir::test::Everything::at},
                                            weir::Field{"price", &weir::test::Everything::price},
                                            weir::Field{"total", &weir::test::Everything::total},
                                            weir::Field{"note", &weir::test::Everything::note},
                                            weir::Field{"maybe", &weir::test::Everything::maybe},
                                            weir::Field{"maybe_note", &weir::test::Everything::maybe_note},
                                            weir::Field{"maybe_point", &weir::test::Everything::maybe_point},
                                            weir::Field{"point", &weir::test::Everything::point},
                                            weir::Field{"tags", &weir::test::Everything::tags},
                                            weir::Field{"points", &weir::test::Everything::points},
                                            weir::Field{"lists", &weir::test::Everything::lists},
                                            weir::Field{"names", &weir::test::Everything::names},
                                            weir::Field{"choice", &weir::test::Everything::choice}};
};

namespace {

using namespace weir;
using namespace weir::test;

constexpr std::uint32_t kTextBytes = 6 * 1024;

/// Bytes of an input, one after the other; 0 behind its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  bool is_empty() const { return left_ == 0; }
  std::uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  std::uint16_t word() { return static_cast<std::uint16_t>(byte() | byte() << 8); }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

volatile unsigned seen = 0;
void touch(std::string_view bytes) {
  for (const char byte : bytes) seen = seen + static_cast<unsigned char>(byte);
}
void touch(const Bid& bid) {
  touch(bid.channel);
  touch(bid.url);
  touch(bid.extra);
}
void touch(const Everything& value) {
  touch(value.note);
  for (const auto& tag : value.tags) touch(tag);
  if (value.maybe_note) touch(*value.maybe_note);
  seen = seen +
         static_cast<unsigned>(value.points.size() + value.lists.size() + value.names.size() + value.choice.index());
}
void touch(const Point& point) { seen = seen + static_cast<unsigned>(point.x); }

Bid bid_of(std::int64_t seed) {
  static const std::string kText(300, 't');
  Bid bid;
  bid.auction = seed;
  bid.channel = Text::borrow(std::string_view(kText).substr(0, static_cast<std::size_t>(seed * 13 % 40)));
  bid.url = Text::borrow(std::string_view(kText).substr(0, static_cast<std::size_t>(seed * 7 % 300)));
  return bid;
}

template <class T, class Make>
void damage_and_read(Input& input, Make&& make) {
  const std::uint32_t rows = input.byte() % 24;
  const RowLayout layout = RowCodec<T>::layout();
  const std::size_t capacity =
      (Block::prefix_bytes(kBlockTimestamps | kBlockRowKinds) + std::size_t{layout.stride} * 24 + kTextBytes + 63) /
      64 * 64;
  const std::unique_ptr<std::uint8_t, void (*)(void*)> memory(
      static_cast<std::uint8_t*>(std::aligned_alloc(64, sizeof(Block) + capacity)), std::free);
  std::memset(memory.get(), 0, sizeof(Block) + capacity);
  auto* const block = new (memory.get()) Block;
  block->capacity = static_cast<std::uint32_t>(capacity);
  block->reset(layout, input.byte() & (kBlockTimestamps | kBlockRowKinds));
  for (std::uint32_t row = 0; row < rows; ++row)
    if (!RowCodec<T>::append(make(row + input.byte()), *block)) break;
  while (!input.is_empty()) {
    // In the header, in the rows or in the text: one byte changes.
    const std::uint8_t where = input.byte();
    const std::uint16_t offset = input.word();
    const std::uint8_t value = input.byte();
    if (where < 32) {
      memory.get()[offset % offsetof(Block, capacity)] = value;
    } else if (where < 144 && block->fixed_bytes > 0 && block->fixed_bytes < capacity / 2) {
      block->payload()[(Block::prefix_bytes(kBlockTimestamps | kBlockRowKinds) * (where & 1u) + offset) %
                       (capacity - 1)] = value;
    } else {
      block->end()[-1 - static_cast<std::ptrdiff_t>(offset % kTextBytes)] = value;
    }
  }
  if (!check_block_header(*block, layout, static_cast<std::uint32_t>(capacity)).ok() ||
      !check_block(*block, layout).ok())
    return;
  T scratch{};
  try {
    for (std::uint32_t row = 0; row < block->rows; ++row) touch(RowCodec<T>::read(*block, row, scratch));
  } catch (const CorruptRow&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  switch (input.byte() % 3) {
    case 0:
      damage_and_read<Point>(input, [](std::int64_t seed) {
        return Point{static_cast<std::int32_t>(seed), 1.5, seed % 2 == 0};
      });
      break;
    case 1: damage_and_read<Bid>(input, bid_of); break;
    default: damage_and_read<Everything>(input, filled); break;
  }
  return 0;
}
