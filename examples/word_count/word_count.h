// The functions of the word count, apart from the job that wires them, so that a test can step them without a cluster.
#pragma once

#include <weir/datastream.h>

#include <cctype>
#include <cstdint>
#include <string>

namespace word_count {

struct WordCount {
  std::string word;
  std::int64_t count = 0;
  friend bool operator==(const WordCount&, const WordCount&) = default;
};

/// Letters and digits that stand together are a word; bytes beyond ASCII count as letters. Lower case.
inline void split_words(const std::string& line, weir::Collector<WordCount>& out) {
  WordCount found{{}, 1};
  for (const char c : line + ' ') {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || byte >= 0x80) {
      found.word.push_back(static_cast<char>(std::tolower(byte)));
    } else if (!found.word.empty()) {
      out.collect(found);
      found.word.clear();
    }
  }
}

/// How often each word was seen so far, after every word.
inline auto count_words(const weir::DataStream<std::string>& lines) {
  return lines.flat_map(&split_words)
      .name("words")
      .key_by(&WordCount::word)
      .reduce([](const WordCount& a, const WordCount& b) {
        return WordCount{a.word, a.count + b.count};
      })
      .name("counts")
      .uid("counts");
}

}  // namespace word_count
