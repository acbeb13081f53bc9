#include "weir/detail/owned.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/seed.h"

using namespace weir;        // NOLINT
using namespace weir::test;  // NOLINT
using weir::detail::Owned;

namespace {

struct Note {
  Text first;
  std::int64_t number = 0;
  std::optional<Text> second;
  Text third;
};

std::vector<std::string> texts_of(const Note& note) {
  return {std::string(note.first), note.second ? std::string(*note.second) : "none", std::string(note.third)};
}

}  // namespace

TEST_CASE("owned: a value made of its own texts and of others says what it said, whatever their order and lengths") {
  CAPTURE(seed());
  std::mt19937 random(seed());
  for (int object = 0; object < 50; ++object) {
    Owned<Note> kept;
    std::vector<std::string> expected = {"", "none", ""};
    const std::size_t text_max = object % 2 == 0 ? 20 : 400;
    for (int round = 0; round < 200; ++round) {
      std::string strange[3];
      std::vector<Text> choices;
      for (std::string& text : strange) {
        text = random_text(random, text_max, "abcdefgh");
        choices.push_back(Text::borrow(text));
      }
      choices.push_back(kept.get().first);
      choices.push_back(kept.get().third);
      if (kept.get().second) choices.push_back(*kept.get().second);
      // Also parts of what it has.
      const Text whole = choices[3 + random() % (choices.size() - 3)];
      choices.push_back(Text::borrow(std::string_view(whole).substr(whole.size() / 3)));
      const auto pick = [&] { return choices[random() % choices.size()]; };
      Note next{pick(), round, std::nullopt, pick()};
      if (random() % 3 != 0) next.second = pick();
      expected = texts_of(next);
      kept.assign(next);
      CHECK(texts_of(kept.get()) == expected);
      CHECK(kept.get().number == round);
    }
  }
}

TEST_CASE("owned: an object that is moved or copied has texts of its own") {
  Owned<Note> kept;
  {
    const std::string text = "a text that goes";
    kept.assign({Text::borrow(text), 1, Text::borrow(text), Text::borrow(text)});
  }
  const Owned<Note> copy = kept;
  const Owned<Note> moved = std::move(kept);
  CHECK(texts_of(copy.get()) == texts_of(moved.get()));
  CHECK(copy.get().first.data() != moved.get().first.data());
}
