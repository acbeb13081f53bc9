// Feeds a fuzz target its corpus and seeded mutations of it, without libFuzzer: the quick form that every test run
// does. usage: NAME CORPUS_DIR [SEED [ROUNDS | SECONDSs]]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void feed(const std::string& input) {
  // A buffer of exactly this size, so that a sanitizer sees the first byte read too many.
  std::vector<std::uint8_t> bytes(input.begin(), input.end());
  bytes.shrink_to_fit();
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string mutate(std::string input, std::mt19937_64& random) {
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(random() % bound); };
  for (std::size_t round = 1 + below(6); round > 0; --round) {
    switch (below(6)) {
      case 0:
        if (!input.empty()) input[below(input.size())] ^= static_cast<char>(1u << below(8));
        break;
      case 1:
        if (!input.empty()) input[below(input.size())] = static_cast<char>(random());
        break;
      case 2: input.resize(below(input.size() + 1)); break;
      case 3: input.insert(below(input.size() + 1), 1 + below(8), static_cast<char>(random())); break;
      case 4:
        if (!input.empty()) input.erase(below(input.size()), 1 + below(8));
        break;
      default:
        for (std::size_t at = below(input.size() + 1), n = 0; n < 4 && at + n < input.size(); ++n)
          input[at + n] = static_cast<char>(below(2) ? 0xff : 0);
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> corpus{std::string()};
  if (argc > 1 && std::filesystem::is_directory(argv[1])) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      std::ifstream file(path, std::ios::binary);
      corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const std::string length = argc > 3 ? argv[3] : "20000";
  const bool is_time = length.ends_with('s');
  const auto bound = std::strtoull(length.c_str(), nullptr, 10);
  std::printf("seed %llu, %zu corpus files, %llu %s of mutations\n", static_cast<unsigned long long>(seed),
              corpus.size() - 1, bound, is_time ? "seconds" : "rounds");
  std::fflush(stdout);
  for (const std::string& input : corpus) feed(input);
  std::mt19937_64 random(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(bound);
  unsigned long long rounds = 0;
  for (; is_time ? rounds % 64 != 0 || std::chrono::steady_clock::now() < end : rounds < bound; ++rounds)
    feed(mutate(corpus[static_cast<std::size_t>(random() % corpus.size())], random));
  std::printf("%llu mutations\n", rounds);
  return 0;
}
