#include "common/http/router.h"

#include <algorithm>

#include "common/base/ensure.h"

namespace weir::http {

namespace {

bool is_parameter(const std::string& segment) { return !segment.empty() && segment.front() == ':'; }

std::vector<std::string> split_pattern(std::string_view pattern) {
  std::vector<std::string> segments;
  while (!pattern.empty()) {
    std::size_t slash = pattern.find('/');
    if (slash != 0) segments.emplace_back(pattern.substr(0, slash));
    pattern = slash == std::string_view::npos ? std::string_view() : pattern.substr(slash + 1);
  }
  return segments;
}

bool fits(const std::vector<std::string>& pattern, const std::string* first, std::size_t count) {
  if (pattern.size() != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_parameter(pattern[i]) && pattern[i] != first[i]) return false;
  }
  return true;
}

/// True where `left` names its pieces at the first place in which the two differ in kind: "/jobs/overview" before
/// "/jobs/:jobid".
bool more_specific(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (is_parameter(left[i]) != is_parameter(right[i])) return is_parameter(right[i]);
  }
  return false;
}

}  // namespace

const std::string& Router::Match::parameter(std::string_view name) const {
  auto found = std::find_if(parameters.begin(), parameters.end(), [&](const auto& pair) { return pair.first == name; });
  ENSURE(found != parameters.end(), "the route has no parameter {}", name);
  return found->second;
}

void Router::add(std::string_view method, std::string_view pattern, int route) {
  std::vector<std::string> segments = split_pattern(pattern);
  auto entry =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& one) { return one.segments == segments; });
  if (entry == entries_.end()) {
    entries_.push_back(Entry{std::move(segments), {}});
    entry = entries_.end() - 1;
  }
  bool is_new =
      std::none_of(entry->routes.begin(), entry->routes.end(), [&](const auto& one) { return one.first == method; });
  ENSURE(is_new, "the route {} {} stands twice", method, pattern);
  entry->routes.emplace_back(method, route);
}

const Router::Entry* Router::find_path(const std::string* first, std::size_t count) const {
  const Entry* best = nullptr;
  for (const Entry& entry : entries_) {
    if (!fits(entry.segments, first, count)) continue;
    if (best == nullptr || more_specific(entry.segments, best->segments)) best = &entry;
  }
  return best;
}

Router::Match Router::match(std::string_view method, const Target& target) const {
  const std::string* first = target.segments.data();
  std::size_t count = target.segments.size();
  if (count > 0 && first[0] == "v1") {
    ++first;
    --count;
  }
  Match match;
  const Entry* entry = find_path(first, count);
  if (entry == nullptr) return match;

  std::string_view wanted = method == "HEAD" ? "GET" : method;
  match.outcome = Match::Outcome::no_such_method;
  for (const auto& [known, route] : entry->routes) {
    match.allowed.push_back(known);
    if (known != wanted) continue;
    match.outcome = Match::Outcome::found;
    match.route = route;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (is_parameter(entry->segments[i])) match.parameters.emplace_back(entry->segments[i].substr(1), first[i]);
  }
  return match;
}

}  // namespace weir::http
