#include "taskmanager/crash/symboliser.h"

#include <doctest/doctest.h>

#include "taskmanager/crash/memory_maps.h"

using namespace weir::taskmanager;

TEST_CASE("memory_maps: lines of all kinds are read") {
  Mapping mapping;
  CHECK(parse_mapping("7f00-7f10 r-xp 00000400 fd:00 99 /a/b c (deleted)", mapping));
  CHECK(mapping.start == 0x7f00);
  CHECK(mapping.end == 0x7f10);
  CHECK(mapping.file_offset == 0x400);
  CHECK(mapping.readable);
  CHECK(mapping.executable);
  CHECK(mapping.path == "/a/b c (deleted)");
  CHECK(parse_mapping("7f00-7f10 ---p 00000000 00:00 0 ", mapping));
  CHECK(mapping.path.empty());
  CHECK_FALSE(mapping.readable);
}

TEST_CASE("memory_maps: what is no mapping is refused") {
  Mapping mapping;
  for (const char* line :
       {"", "x", "7f00", "7f00-7f10", "7f10-7f00 r-xp 0 0 0", "7f00-7f10 rxp 0 0 0", "7f00-7f10 r-xp zz 0 0",
        "-7f10 r-xp 0 00:00 0", "7f00-7f10 r-xp 0", "11111111111111111-2 r-xp 0 00:00 0"}) {
    CAPTURE(line);
    CHECK_FALSE(parse_mapping(line, mapping));
  }
}

TEST_CASE("memory_maps: an address outside every mapping has none") {
  const auto maps = parse_maps("10-20 r-xp 0 00:00 0 a\n30-40 r-xp 10 00:00 0 a\nbroken\n50-60 r-xp 0 00:00 0 a\n");
  REQUIRE(maps.size() == 2);
  CHECK(find_mapping(maps, 0x0f) == nullptr);
  CHECK(find_mapping(maps, 0x10) == &maps[0]);
  CHECK(find_mapping(maps, 0x20) == nullptr);
  CHECK(find_mapping(maps, 0x3f) == &maps[1]);
  CHECK(find_mapping(maps, 0x40) == nullptr);
  CHECK(load_address(maps, maps[1]) == 0x10);
  CHECK(find_mapping({}, 1) == nullptr);
}

TEST_CASE("symboliser: a function of this program has its name and line") {
  const auto address = reinterpret_cast<std::uint64_t>(&parse_maps) + 1;
  const std::uint64_t addresses[] = {address, 0, 1};
  const auto frames = symbolise_own(addresses);
  REQUIRE(frames.size() >= 3);
  CHECK(frames[0].function.find("parse_maps(") != std::string::npos);
  CHECK(frames[0].file.find("memory_maps.cc") != std::string::npos);
  CHECK(frames[0].line > 0);
  CHECK(frames.back().module.empty());
}

TEST_CASE("symboliser: repeated frames are written once with their count") {
  const StackFrame a{.address = 1, .module = "/lib/x.so", .offset = 2, .function = "f()", .file = "x.cc", .line = 3};
  const StackFrame b{.address = 9, .module = "", .offset = 0, .function = "", .file = "", .line = 0};
  CHECK(render_stack({a, a, a, b, a, a}) ==
        "    at f() (x.cc:3) [x.so+0x2]\n    (the same 2 more times)\n    at 0x9\n    at f() (x.cc:3) [x.so+0x2]\n"
        "    (the same 1 more time)\n");
  CHECK(render_stack({}).empty());
}

TEST_CASE("symboliser: the event loop below a stack is counted, not shown") {
  const StackFrame mine{.address = 1, .module = "", .offset = 0, .function = "f()", .file = "", .line = 0};
  const StackFrame loop{.address = 2,
                        .module = "",
                        .offset = 0,
                        .function = "boost::asio::detail::scheduler::run()",
                        .file = "",
                        .line = 0};
  CHECK(render_stack({mine, loop, mine, loop}) == "    at f()\n    (3 more frames of the engine's event loop)\n");
}

TEST_CASE("symboliser: control characters in names of modules and functions do not reach the text") {
  const StackFrame frame{
      .address = 1, .module = "/x/a\x1b[2J.so", .offset = 2, .function = "f\n\x1b()", .file = "c\r.cc", .line = 3};
  const std::string text = render_stack({frame});
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\r') == std::string::npos);
  CHECK(text.find('\n') == text.size() - 1);
}
