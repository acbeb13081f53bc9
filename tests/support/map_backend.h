// Stands in for a keyed backend on disk: an ordered map of encoded entries, shared by all that a test makes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "weir/detail/state/keyed_snapshot.h"
#include "weir/keyed_backend.h"
#include "weir/serializer.h"

namespace weir::test {

/// What backends of one test were asked for.
struct BackendCalls {
  std::size_t loads = 0;
  std::size_t loaded_keys = 0;
  std::size_t stores = 0;
};

/// Keys are texts or int64: it has to find the end of a key in an entry.
class MapBackend final : public KeyedBackend {
 public:
  MapBackend(std::shared_ptr<BackendCalls> calls, std::size_t cached_keys_max)
      : calls_(std::move(calls)), cached_keys_max_(cached_keys_max) {}

  Result<void> open(const std::vector<KeyedStateSchema>& states, KeyGroupRange groups,
                    RestoredState* restored) override {
    states_ = states;
    groups_ = groups;
    for (std::uint32_t state = 0; state < states.size() && restored != nullptr; ++state) {
      const bool is_text = states[state].key_type == "string";
      Result<void> read =
          detail::read_saved_state(*restored, states[state], groups, [&](ByteReader& in, std::uint32_t group) {
            ByteWriter key;
            std::string_view text;
            std::int64_t number = 0;
            if (is_text ? !in.get_text(text) : !in.get(number)) return false;
            if (is_text) {
              key.put_text(text);
            } else {
              key.put(number);
            }
            // Values of these tests are numbers.
            std::int64_t value = 0;
            if (!in.get(value)) return false;
            ByteWriter bytes;
            bytes.put(value);
            entries_[{state, group, key.take()}] = bytes.take();
            return true;
          });
      if (!read.ok()) return read;
    }
    return {};
  }
  std::size_t cached_keys_max() const override { return cached_keys_max_; }
  Result<void> load(const std::vector<EncodedKey>& keys, const Found& found) override {
    ++calls_->loads;
    calls_->loaded_keys += keys.size();
    if (fails) return Error::external(ErrorCode::io, "the disk is gone");
    for (std::size_t index = 0; index < keys.size(); ++index) {
      for (std::uint32_t state = 0; state < states_.size(); ++state) {
        const auto entry = entries_.find({state, keys[index].group, std::string(keys[index].key)});
        if (entry == entries_.end()) continue;
        Result<void> taken = found(index, state, entry->second);
        if (!taken.ok()) return taken;
      }
    }
    return {};
  }
  Result<void> store(const std::vector<EncodedChange>& changes) override {
    ++calls_->stores;
    for (const EncodedChange& change : changes) {
      const Place place{change.state, change.key.group, std::string(change.key.key)};
      if (change.value) {
        entries_[place] = std::string(*change.value);
      } else {
        entries_.erase(place);
      }
    }
    return {};
  }
  Result<void> for_each(std::uint32_t state, std::uint32_t group, const Visit& visit) override {
    for (auto entry = entries_.lower_bound({state, group, ""});
         entry != entries_.end() && std::get<0>(entry->first) == state && std::get<1>(entry->first) == group; ++entry) {
      Result<void> taken = visit(std::get<2>(entry->first), entry->second);
      if (!taken.ok()) return taken;
    }
    return {};
  }
  Result<void> snapshot(SnapshotContext& context) override {
    auto work = std::make_unique<detail::KeyedStateWork>();
    for (std::uint32_t state = 0; state < states_.size(); ++state) {
      work->begin_state(states_[state]);
      for (std::uint32_t group = groups_.first; group < groups_.last; ++group) {
        Result<void> noted = for_each(state, group, [&](std::string_view key, std::string_view value) -> Result<void> {
          ByteWriter& out = work->entry_of(group);
          out.put_raw(key);
          out.put_raw(value);
          return {};
        });
        if (!noted.ok()) return noted;
      }
      work->end_state();
    }
    context.write_later(std::move(work));
    return {};
  }

  bool fails = false;

 private:
  using Place = std::tuple<std::uint32_t, std::uint32_t, std::string>;  // state, group, key

  const std::shared_ptr<BackendCalls> calls_;
  const std::size_t cached_keys_max_;
  std::vector<KeyedStateSchema> states_;
  KeyGroupRange groups_;
  std::map<Place, std::string> entries_;
};

}  // namespace weir::test
