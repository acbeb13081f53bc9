#include "common/config/yaml_text.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

#include "common/base/try.h"
#include "common/config/words.h"

namespace weir::config {
namespace {

constexpr int kDepthMax = 64;
constexpr std::size_t kPairsMax = 10'000;

/// A list or map as one line that parse_flow_list and parse_flow_map read back.
std::string as_flow(const YAML::Node& node) {
  YAML::Emitter out;
  out.SetSeqFormat(YAML::Flow);
  out.SetMapFormat(YAML::Flow);
  out << node;
  std::string text;
  for (std::string_view line : split(out.c_str(), '\n'))
    text += std::string(text.empty() ? "" : " ") + std::string(trimmed(line));
  return text;
}

/// Hears a document and does nothing.
class Deaf : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// Whether something follows the first document. YAML::Load would drop it silently, and YAML::LoadAll of yaml-cpp 0.7
/// does not come to an end on some broken texts.
bool has_more(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Deaf deaf;
  parser.HandleNextDocument(deaf);
  return static_cast<bool>(parser);
}

class Flattener {
 public:
  explicit Flattener(const std::string& name) : name_(name) {}

  Result<void> visit(const YAML::Node& map, const std::string& prefix, int depth) {
    for (const auto& pair : map) {
      int line = pair.first.Mark().line + 1;
      if (!pair.first.IsScalar() || pair.first.Scalar().empty()) return refuse(line, "a key must be plain text");
      // Pairs, not values: an alias used ten times by each of ten levels would be visited for ever.
      if (++visited_ > kPairsMax) return refuse(line, fmt::format("more than {} keys", kPairsMax));
      if (depth > kDepthMax) return refuse(line, fmt::format("maps are nested deeper than {}", kDepthMax));
      std::string key = prefix + pair.first.Scalar();
      if (pair.second.IsMap()) {
        TRY_VOID(visit(pair.second, key + ".", depth + 1));
        continue;
      }
      if (pair.second.IsSequence()) {
        lines_.push_back({std::move(key), as_flow(pair.second), line, true});
      } else {
        bool has_value = !pair.second.IsNull();
        lines_.push_back({std::move(key), has_value ? pair.second.Scalar() : std::string(), line, has_value});
      }
    }
    return {};
  }

  Error refuse(int line, const std::string& reason) const {
    return Error::user(ErrorCode::invalid_argument, fmt::format("{}:{}: {}", name_, line, reason));
  }

  std::vector<Line> take() { return std::move(lines_); }

 private:
  const std::string& name_;
  std::vector<Line> lines_;
  std::size_t visited_ = 0;
};

}  // namespace

Result<std::vector<Line>> flatten_yaml(std::string_view text, const std::string& name) {
  Flattener flattener(name);
  try {
    std::string copy(text);
    YAML::Node document = YAML::Load(copy);
    if (has_more(copy))
      return flattener.refuse(1, "there is text after the end of the first YAML document; write one document");
    if (document.IsNull()) return std::vector<Line>();
    if (!document.IsMap()) return flattener.refuse(document.Mark().line + 1, "expected lines of the form key: value");
    TRY_VOID(flattener.visit(document, "", 1));
  } catch (const YAML::Exception& failure) {
    return flattener.refuse(failure.mark.line + 1, fmt::format("this is not YAML: {}", failure.msg));
  }
  return flattener.take();
}

std::optional<List> parse_flow_list(std::string_view text) {
  try {
    YAML::Node node = YAML::Load(std::string(text));
    if (!node.IsSequence() || has_more(std::string(text))) return std::nullopt;
    List items;
    for (const auto& item : node) {
      if (!item.IsScalar()) return std::nullopt;
      items.push_back(item.Scalar());
    }
    return items;
  } catch (const YAML::Exception&) {
    return std::nullopt;
  }
}

std::optional<Map> parse_flow_map(std::string_view text) {
  try {
    YAML::Node node = YAML::Load(std::string(text));
    if (!node.IsMap() || has_more(std::string(text))) return std::nullopt;
    Map map;
    for (const auto& pair : node) {
      if (!pair.first.IsScalar() || !pair.second.IsScalar()) return std::nullopt;
      if (!map.emplace(pair.first.Scalar(), pair.second.Scalar()).second) return std::nullopt;
    }
    return map;
  } catch (const YAML::Exception&) {
    return std::nullopt;
  }
}

}  // namespace weir::config
