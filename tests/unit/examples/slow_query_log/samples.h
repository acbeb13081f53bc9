// The committed sample logs of the slow-query example.
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

/// The bytes of examples/slow_query_log/data/<name>.
inline std::string sample(const std::string& name) {
  std::ifstream file(std::string(SLOW_QUERY_LOG_DATA) + "/" + name, std::ios::binary);
  if (!file) throw std::runtime_error("no sample " + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
