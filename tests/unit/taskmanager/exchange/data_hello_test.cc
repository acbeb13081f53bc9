#include "taskmanager/exchange/data_hello.h"

#include <doctest/doctest.h>

#include <random>

using namespace weir;
using namespace weir::taskmanager;

namespace {

DataHello example() { return {.job = *JobId::from_hex("00112233445566778899aabbccddeeff"), .slot = 0x01020304}; }

}  // namespace

TEST_CASE("data_hello: the bytes are those of docs/formats/data_frame.md") {
  std::string expected("WEIRDATA\x01\x00\x00\x00\x04\x03\x02\x01", 16);
  expected += std::string("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
  expected += std::string(32, '\0');
  CHECK(encode_data_hello(example()) == expected);
  const auto decoded = decode_data_hello(expected);
  REQUIRE(decoded.ok());
  CHECK(*decoded == example());
}

TEST_CASE("data_hello: another length is refused") {
  const auto bytes = encode_data_hello(example());
  CHECK(decode_data_hello("").error().code == ErrorCode::corrupt);
  CHECK(decode_data_hello(bytes.substr(1)).error().code == ErrorCode::corrupt);
  CHECK(decode_data_hello(bytes + "x").error().code == ErrorCode::corrupt);
}

TEST_CASE("data_hello: every byte outside slot and job is checked") {
  const auto bytes = encode_data_hello(example());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    CAPTURE(at);
    CHECK(decode_data_hello(changed).ok() == (at >= 12 && at < 32));
  }
}

TEST_CASE("data_hello: a web request is no hello, and another version is named") {
  CHECK(decode_data_hello("GET / HTTP/1.1\r\n" + std::string(48, ' ')).error().message ==
        "this is no data connection of Weir");
  auto bytes = encode_data_hello(example());
  bytes[8] = 9;
  CHECK(decode_data_hello(bytes).error().message.find("version 9") != std::string::npos);
}

TEST_CASE("data_hello: no job is no hello") {
  auto hello = example();
  hello.job = JobId();
  CHECK_FALSE(decode_data_hello(encode_data_hello(hello)).ok());
}

TEST_CASE("data_hello: random bytes are refused") {
  std::mt19937 random(7);
  for (int round = 0; round < 1000; ++round) {
    std::string bytes(random() % 100, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    CHECK_FALSE(decode_data_hello(bytes).ok());
  }
}
