#include "weir/serializer.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <random>

#include "tests/unit/api/records.h"

using namespace weir;
using namespace weir::test;

namespace {

template <class T>
std::string encoded(const T& value) {
  ByteWriter out;
  encode_value(out, value);
  CHECK(out.size() == encoded_size(value));
  return out.take();
}
template <class T>
bool decodes(std::string_view bytes, T& value) {
  ByteReader in(bytes);
  return decode_value(in, value) && in.at_end();
}

}  // namespace

TEST_CASE("serializer: every kind of value comes back as it went, into a used object") {
  Everything back = filled(7);
  for (std::int64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    const Everything value = filled(seed);
    REQUIRE(decodes(encoded(value), back));
    CHECK(back == value);
  }
}

TEST_CASE("serializer: the bytes are those of the format") {
  CHECK(encoded(std::int32_t{1}) == std::string("\1\0\0\0", 4));
  CHECK(encoded(true) == "\1");
  CHECK(encoded(std::string("ab")) == "\2ab");
  CHECK(encoded(std::vector<std::uint8_t>{7, 8}) == "\2\7\10");
  CHECK(encoded(std::optional<std::uint8_t>{}) == std::string(1, '\0'));
  CHECK(encoded(std::variant<std::uint8_t, std::string>("x")) == "\1\1x");
  CHECK(encoded(std::unordered_map<std::uint8_t, std::uint8_t>{{9, 1}, {3, 2}}) == "\2\3\2\11\1");
}

TEST_CASE("serializer: every prefix of a value is refused") {
  const std::string bytes = encoded(filled(11));
  Everything back;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(decodes(std::string_view(bytes).substr(0, length), back));
  }
}

TEST_CASE("serializer: bytes that are no such value are refused") {
  bool flag = false;
  CHECK_FALSE(decodes("\2", flag));
  std::optional<bool> maybe;
  CHECK_FALSE(decodes("\2\1", maybe));
  std::variant<std::uint8_t, std::string> choice;
  CHECK_FALSE(decodes("\2\1", choice));
}

TEST_CASE("serializer: a count beyond the bytes takes no memory") {
  std::vector<std::string> list;
  CHECK_FALSE(decodes(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9), list));
  CHECK(list.capacity() == 0);
  std::map<std::int64_t, std::int64_t> map;
  CHECK_FALSE(decodes(std::string_view("\xff\xff\xff\xff\x0f", 5), map));
}

TEST_CASE("serializer: changed bytes are refused or read as some value, never beyond the end") {
  const std::string bytes = encoded(filled(23));
  std::mt19937_64 random(42);
  Everything back;
  for (int round = 0; round < 5000; ++round) {
    std::string changed = bytes;
    for (int i = 0; i < 3; ++i) changed[random() % changed.size()] = static_cast<char>(random());
    const std::unique_ptr<char[]> exact(new char[changed.size()]);
    std::memcpy(exact.get(), changed.data(), changed.size());
    static_cast<void>(decodes(std::string_view(exact.get(), changed.size()), back));
  }
}
