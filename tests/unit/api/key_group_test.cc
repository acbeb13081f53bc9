#include "weir/key_group.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace weir;

TEST_CASE("key_group: the hash of a key never changes") {
  CHECK(hash_word(0ull) == 0x982877666122de41ull);
  CHECK(hash_word(0x1ull) == 0x0756d5d9ac1f6a4dull);
  CHECK(hash_word(0x2aull) == 0x3de08b6e6d94fc93ull);
  CHECK(hash_word(0xffffffffffffffffull) == 0x601682b481fcf31aull);
  CHECK(hash_word(0x8000000000000000ull) == 0x92bea79dd1f33a4cull);
  CHECK(hash_double(0) == 0x982877666122de41ull);
  CHECK(hash_double(1) == 0xc583eac2a7e619d0ull);
  CHECK(hash_double(-2.5) == 0x8186e4f15b15dd9aull);
  CHECK(hash_double(1e+300) == 0xf6b56a9b813750e9ull);
  CHECK(hash_bytes("") == 0x3532c432f35f3f52ull);
  CHECK(hash_bytes("a") == 0x95367074a9a66a65ull);
  CHECK(hash_bytes("ab") == 0xf5eeb42ce18a1caeull);
  CHECK(hash_bytes("abc") == 0x00e1f80382547486ull);
  CHECK(hash_bytes("abcd") == 0x7bacb6d1a1ec5878ull);
  CHECK(hash_bytes("abcdefg") == 0x2e42a2d9ae0eaf98ull);
  CHECK(hash_bytes("abcdefgh") == 0x375bf35b15175ef4ull);
  CHECK(hash_bytes("abcdefghijklmnop") == 0x6a6ee5575a391f0full);
  CHECK(hash_bytes("abcdefghijklmnopq") == 0x129de91444928187ull);
  CHECK(hash_bytes("the quick brown fox jumps over the lazy dog") == 0xa456936d19c8d952ull);
  CHECK(hash_combine(hash_combine(0, hash_word(1)), hash_bytes("a")) == 0x4aa2bbc93e4b6b05ull);
}

TEST_CASE("key_group: equal keys of different types hash alike where their bytes are defined to be equal") {
  CHECK(hash_double(-0.0) == hash_double(0.0));
  CHECK(hash_double(std::nan("1")) == hash_double(-std::nan("2")));
}

TEST_CASE("key_group: the groups of all subtasks cover every group once, and agree with the subtask of a group") {
  for (const std::uint32_t max_parallelism : {1u, 2u, 127u, 128u, 4096u, 32768u}) {
    for (const std::uint32_t parallelism : {1u, 2u, 3u, 7u, 100u, 128u}) {
      if (parallelism > max_parallelism) continue;
      std::uint32_t next = 0;
      for (std::uint32_t subtask = 0; subtask < parallelism; ++subtask) {
        const KeyGroupRange range = key_groups_of_subtask(subtask, parallelism, max_parallelism);
        CHECK(range.first == next);
        for (std::uint32_t group = range.first; group < range.last; ++group) {
          if (subtask_of_key_group(group, parallelism, max_parallelism) != subtask) FAIL("group " << group);
        }
        next = range.last;
      }
      CHECK(next == max_parallelism);
    }
  }
}

TEST_CASE("key_group: the default max parallelism is Flink's") {
  CHECK(default_max_parallelism(1) == 128);
  CHECK(default_max_parallelism(85) == 128);
  CHECK(default_max_parallelism(86) == 256);
  CHECK(default_max_parallelism(32768) == 32768);
}
