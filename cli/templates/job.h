// The functions of the job: plain C++, tested without a cluster.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <weir/collector.h>

namespace @ident@ {

/// What goes from operator to operator is a plain struct. No macro, no base class.
struct Count {
  std::string word;
  std::int64_t count;
};

/// Emits each word of a line once, with count 1.
inline void split(const std::string& line, weir::Collector<Count>& out) {
  constexpr std::string_view kBlanks = " \t\r.,;:!?\"()";
  const std::string_view text = line;
  for (std::size_t begin = text.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
    const std::size_t end = text.find_first_of(kBlanks, begin);
    out.collect({std::string(text.substr(begin, end - begin)), 1});
    begin = end == std::string_view::npos ? end : text.find_first_not_of(kBlanks, end);
  }
}

/// Two counts of one word together.
inline Count add(const Count& so_far, const Count& next) { return {so_far.word, so_far.count + next.count}; }

}  // namespace @ident@
