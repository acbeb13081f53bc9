// A real Kafka broker for one test program: starts with the first use, ends with the program.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace weir::test {

class KafkaBroker {
 public:
  /// @param options  of `kafka.sh start`: "--secure", "--join DIR"
  explicit KafkaBroker(const std::string& options = {}) { address_ = trimmed(script("start " + options)); }
  ~KafkaBroker() {
    if (std::system((command("stop --kill --wipe") + " >/dev/null 2>&1").c_str()) != 0)
      std::fprintf(stderr, "the Kafka broker did not end\n");
  }
  KafkaBroker(const KafkaBroker&) = delete;
  KafkaBroker& operator=(const KafkaBroker&) = delete;

  const std::string& address() const { return address_; }
  /// @return  the name. Throws when the broker does not do it within half a minute, as all of these.
  std::string create_topic(const std::string& name, int partitions);
  /// @param replicas  the brokers of each partition, its leader first
  std::string create_topic(const std::string& name, const std::vector<std::vector<int>>& replicas);
  void delete_topic(const std::string& name);
  void grow_topic(const std::string& name, int partitions);
  /// Where one more listener of a secure broker is: "SASL_SSL".
  std::string listener(const std::string& name) { return trimmed(script("address " + name)); }
  /// A file that a secure broker made: "ca.pem".
  std::string tls_file(const std::string& name) const { return folder() + "/tls/" + name; }
  std::string folder() const { return directory_.string() + "/broker"; }
  void kill() { script("stop --kill"); }
  void start() { script("start"); }
  /// What Kafka's own consumer prints: "key<tab>value" lines in any order of partitions.
  std::string consume(const std::string& topic, int count) {
    return script("consume " + topic + " --keys --max " + std::to_string(count));
  }

 private:
  std::string command(const std::string& verb) const {
    return std::string(KAFKA_SCRIPT) + " " + verb + " --dir " + folder();
  }

  std::string script(const std::string& verb) {
    FILE* pipe = ::popen((command(verb) + " 2>&1").c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command(verb));
    std::string output;
    char buffer[4096];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, got);
    if (::pclose(pipe) != 0) throw std::runtime_error(command(verb) + ": " + output);
    return output;
  }
  /// The last line: a first use says that it fetches the jars.
  static std::string trimmed(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text.substr(text.rfind('\n') + 1);
  }

  TemporaryDirectory directory_;
  std::string address_;
};

}  // namespace weir::test
