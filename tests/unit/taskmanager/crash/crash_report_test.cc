#include "taskmanager/crash/crash_report.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "taskmanager/crash/crash_handler.h"

using namespace weir::taskmanager;

namespace {

const std::string kMaps =
    "55d0c8a00000-55d0c8a01000 r--p 00000000 08:01 131 /opt/weir/bin/task manager\n"
    "55d0c8a01000-55d0c8a02000 r-xp 00001000 08:01 131 /opt/weir/bin/task manager\n"
    "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]\n";

std::string whole() {
  return "weir-crash 1\nsignal 11 1 0x10\nthread slot-0\nregister rip 0x55d0c8a01139\nregister rsp 0x7ffc00010000\n"
         "frame 0x55d0c8a01139\nframe 0x55d0c8a01200\nframe 0x1\nmaps\n" +
         kMaps + "end\n";
}

}  // namespace

TEST_CASE("crash_report: a whole report is read in full") {
  const auto report = parse_crash_report(whole() + std::string(1000, '\0'));
  REQUIRE(report.ok());
  CHECK(report->signal == 11);
  CHECK(report->code == 1);
  CHECK(report->address == 0x10);
  CHECK(report->thread == "slot-0");
  CHECK(report->value_of("rip") == 0x55d0c8a01139);
  CHECK(report->value_of("none") == 0);
  CHECK(report->frames.size() == 3);
  CHECK(report->maps == kMaps);
  CHECK(report->complete);
  CHECK(describe(*report) == "SIGSEGV (11): no memory at address 0x10, in thread slot-0");
  CHECK(located_stack(*report) ==
        "    at 0x55d0c8a01139 [task manager+0x1139]\n    at 0x55d0c8a01200 [task manager+0x1200]\n    at 0x1\n");
}

TEST_CASE("crash_report: nothing written means killed, not corrupt") {
  CHECK(parse_crash_report("").error().code == weir::ErrorCode::not_found);
  CHECK(parse_crash_report(std::string(4096, '\0')).error().code == weir::ErrorCode::not_found);
}

TEST_CASE("crash_report: what does not begin as a report is refused") {
  for (const char* text : {"x", "weir-crash 2\nsignal 11 1 0x0\n", "weir-crash 1", "weir-crash 1\n",
                           "weir-crash 1\nsignal\n", "weir-crash 1\nsignal 11 1\n", "weir-crash 1\nsignal 11 1 0x\n",
                           "weir-crash 1\nsignal x 1 0x0\n", "weir-crash 1\nsignal 99999999999 1 0x0\n",
                           "weir-crash 1\nsignal 11 1 0x11111111111111111\n", "\nweir-crash 1\nsignal 11 1 0x0\n"}) {
    CAPTURE(text);
    CHECK(parse_crash_report(text).error().code == weir::ErrorCode::corrupt);
  }
}

TEST_CASE("crash_report: a report cut anywhere after its signal gives what stands before the cut") {
  const std::string text = whole();
  for (std::size_t size = std::string("weir-crash 1\nsignal 11 1 0x10\n").size(); size < text.size(); ++size) {
    const auto report = parse_crash_report(text.substr(0, size));
    REQUIRE(report.ok());
    CHECK_FALSE(report->complete);
    CHECK(report->frames.size() <= 3);
    (void)symbolised_stack(*report);
  }
}

TEST_CASE("crash_report: more frames, registers or mappings than a report has are cut off") {
  std::string text = "weir-crash 1\nsignal 6 -6 0x0\n";
  for (int i = 0; i < 1000; ++i) text += "frame 0x10\n";
  CHECK(parse_crash_report(text)->frames.size() == kCrashFramesMax);
  text = "weir-crash 1\nsignal 6 -6 0x0\n";
  for (int i = 0; i < 1000; ++i) text += "register r8 0x10\n";
  CHECK(parse_crash_report(text)->registers.size() == 32);
  text = "weir-crash 1\nsignal 6 -6 0x0\nthread " + std::string(100000, 'x') + "\n";
  CHECK(parse_crash_report(text)->thread.empty());
  text = "weir-crash 1\nsignal 6 -6 0x0\nthread " + std::string(1000, 'x') + "\n";
  CHECK(parse_crash_report(text)->thread.size() == 64);
}

TEST_CASE("crash_report: control characters of a thread's name do not reach the text") {
  const auto report = parse_crash_report("weir-crash 1\nsignal 6 -6 0x0\nthread a\x1b[31m\r\xff\n");
  REQUIRE(report.ok());
  CHECK(describe(*report) == "SIGABRT (6), in thread a?[31m??");
}

TEST_CASE("crash_report: a signal without a name has its number") {
  CHECK(signal_name(11) == "SIGSEGV");
  CHECK(signal_name(0) == "signal 0");
  CHECK(signal_name(-3) == "signal -3");
  CHECK(signal_name(4711) == "signal 4711");
}

TEST_CASE("crash_report: a fault far from the stack pointer is no stack overflow") {
  auto text = whole();
  text.replace(text.find("0x10\n"), 4, "0x7ffbffffff00");
  text.replace(text.find("0x7ffc00010000"), 14, "0x7ffc00000010");
  CHECK(describe(*parse_crash_report(text)) == "SIGSEGV (11): stack overflow, in thread slot-0");
  text.replace(text.find("0x7ffc00000010"), 14, "0x7ffc00020010");
  CHECK(describe(*parse_crash_report(text)) == "SIGSEGV (11): no memory at address 0x7ffbffffff00, in thread slot-0");
}

TEST_CASE("crash_report: random damage never breaks the reader") {
  const unsigned seed = 4711;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::string text = whole();
    for (unsigned changes = 1 + random() % 8; changes > 0; --changes) {
      const auto at = random() % text.size();
      switch (random() % 4) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, random() % 20); break;
        case 2: text.insert(at, text.substr(random() % text.size(), random() % 40)); break;
        default: text[at] = "\n 0x-"[random() % 5]; break;
      }
      if (text.empty()) text = "x";
    }
    if (const auto report = parse_crash_report(text); report.ok()) {
      (void)describe(*report);
      (void)located_stack(*report);
    }
  }
}
