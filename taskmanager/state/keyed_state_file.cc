#include "taskmanager/state/keyed_state_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "common/base/checksum.h"
#include "common/base/ensure.h"
#include "common/base/try.h"
#include "weir/bytes.h"

namespace weir::taskmanager {

namespace {

constexpr std::string_view kMagic = "WEIRKEYS";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kTrailerBytes = 32;
constexpr std::size_t kRunHeaderBytes = 4;
/// An index of more is damage, not state: 32 states of 32,768 groups need less.
constexpr std::uint64_t kIndexBytesMax = 256u << 20;

Error corrupt(std::string_view what) {
  return Error::external(ErrorCode::corrupt, fmt::format("the keyed state in a snapshot is damaged: {}", what));
}

void put_schema(ByteWriter& out, const KeyedStateSchema& schema) {
  out.put_text(schema.name);
  out.put(schema.kind);
  out.put_varint(schema.version);
  out.put_text(schema.key_type);
  out.put_text(schema.namespace_type);
  out.put_text(schema.map_key_type);
  out.put(static_cast<std::uint8_t>(schema.has_expiry ? 1 : 0));
  out.put_text(schema.value_type);
}

bool get_schema(ByteReader& in, KeyedStateSchema& schema) {
  std::uint64_t version = 0;
  std::uint8_t has_expiry = 0;
  std::string_view name, key, name_space, map_key, value;
  if (!in.get_text(name) || !in.get(schema.kind) || !in.get_varint(version) || !in.get_text(key) ||
      !in.get_text(name_space) || !in.get_text(map_key) || !in.get(has_expiry) || !in.get_text(value))
    return false;
  schema.name = name;
  schema.version = static_cast<std::uint32_t>(version);
  schema.key_type = key;
  schema.namespace_type = name_space;
  schema.map_key_type = map_key;
  schema.has_expiry = has_expiry != 0;
  schema.value_type = value;
  return version <= UINT32_MAX && has_expiry <= 1;
}

std::string encode_index(const KeyedStateIndex& index) {
  ByteWriter out;
  out.put_varint(index.states.size());
  for (const auto& [schema, groups] : index.states) {
    put_schema(out, schema);
    out.put_varint(groups.size());
    for (const KeyGroupPlace& place : groups) {
      out.put_varint(place.group);
      out.put_varint(place.offset);
      out.put_varint(place.length);
      out.put(place.checksum);
    }
  }
  return out.take();
}

/// @param data_end  where the groups end and the index begins
bool decode_index(std::string_view bytes, std::uint64_t data_end, KeyedStateIndex& index) {
  ByteReader in(bytes);
  std::uint64_t states = 0;
  if (!in.get_varint(states)) return false;
  for (std::uint64_t i = 0; i < states; ++i) {
    auto& [schema, groups] = index.states.emplace_back();
    std::uint64_t count = 0;
    if (!get_schema(in, schema) || !in.get_varint(count)) return false;
    for (std::uint64_t g = 0; g < count; ++g) {
      std::uint64_t group = 0;
      KeyGroupPlace place;
      if (!in.get_varint(group) || !in.get_varint(place.offset) || !in.get_varint(place.length) ||
          !in.get(place.checksum))
        return false;
      if (group >= kKeyGroupsMax || (!groups.empty() && group <= groups.back().group)) return false;
      if (place.offset < kHeaderBytes || place.offset > data_end || place.length > data_end - place.offset)
        return false;
      place.group = static_cast<std::uint32_t>(group);
      groups.push_back(place);
    }
  }
  return in.at_end();
}

std::string header() {
  ByteWriter out;
  out.put_raw(kMagic);
  out.put(kVersion);
  out.put(std::uint32_t{0});
  return out.take();
}

}  // namespace

Result<void> KeyedStateWriter::put(std::string_view bytes) {
  TRY_VOID(sink_(bytes));
  offset_ += bytes.size();
  return {};
}

Result<void> KeyedStateWriter::begin_state(const KeyedStateSchema& state) {
  if (offset_ == 0) TRY_VOID(put(header()));
  index_.states.push_back({state, {}});
  return {};
}

Result<void> KeyedStateWriter::write(std::uint32_t group, std::string_view entries) {
  if (index_.states.empty()) return Error::internal("entries of keyed state without a state");
  if (entries.size() > UINT32_MAX) return Error::internal("a run of keyed state is longer than 4 GB");
  auto& groups = index_.states.back().groups;
  if (groups.empty() || group > groups.back().group) {
    groups.push_back({.group = group, .offset = offset_});
  } else if (group != groups.back().group) {
    return Error::internal(fmt::format("key group {} behind {}", group, groups.back().group));
  }
  ByteWriter length;
  length.put(static_cast<std::uint32_t>(entries.size()));
  TRY_VOID(put(length.view()));
  TRY_VOID(put(entries));
  KeyGroupPlace& place = groups.back();
  place.length += kRunHeaderBytes + entries.size();
  place.checksum = xxh3_64(entries, place.checksum);
  return {};
}

Result<void> KeyedStateWriter::finish() {
  if (offset_ == 0) TRY_VOID(put(header()));
  const std::uint64_t index_offset = offset_;
  const std::string index = encode_index(index_);
  TRY_VOID(put(index));
  ByteWriter trailer;
  trailer.put(index_offset);
  trailer.put(static_cast<std::uint64_t>(index.size()));
  trailer.put(xxh3_64(index));
  trailer.put_raw(kMagic);
  return put(trailer.view());
}

Result<void> StateBytesInMemory::read(std::uint64_t offset, std::span<char> to) {
  ENSURE(offset <= bytes_.size() && to.size() <= bytes_.size() - offset, "offset {} size {}", offset, to.size());
  std::memcpy(to.data(), bytes_.data() + offset, to.size());
  return {};
}

Result<KeyedStateReader> KeyedStateReader::open(std::unique_ptr<StateBytes> bytes) {
  KeyedStateReader reader(std::move(bytes));
  const std::uint64_t size = reader.bytes_->size();
  if (size < kHeaderBytes + kTrailerBytes) return corrupt("it is cut off");
  std::array<char, kHeaderBytes> head{};
  TRY_VOID(reader.bytes_->read(0, head));
  if (std::string_view(head.data(), head.size()) != header()) return corrupt("it begins with something else");
  std::array<char, kTrailerBytes> tail{};
  TRY_VOID(reader.bytes_->read(size - kTrailerBytes, tail));
  ByteReader in(std::string_view(tail.data(), tail.size()));
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t checksum = 0;
  std::string_view magic;
  in.get(offset);
  in.get(length);
  in.get(checksum);
  in.get_raw(kMagic.size(), magic);
  if (magic != kMagic) return corrupt("it is cut off");
  const std::uint64_t index_end = size - kTrailerBytes;
  if (length > kIndexBytesMax || offset < kHeaderBytes || offset > index_end || length != index_end - offset)
    return corrupt("its index is not where it should be");
  std::string index(static_cast<std::size_t>(length), '\0');
  TRY_VOID(reader.bytes_->read(offset, index));
  if (xxh3_64(index) != checksum || !decode_index(index, offset, reader.index_)) return corrupt("its index");
  return reader;
}

Result<void> KeyedStateReader::read_group(std::size_t state, std::uint32_t group,
                                          const RestoredState::VisitEntries& visit) {
  const auto& groups = index_.states.at(state).groups;
  const auto found =
      std::lower_bound(groups.begin(), groups.end(), group,
                       [](const KeyGroupPlace& place, std::uint32_t wanted) { return place.group < wanted; });
  if (found == groups.end() || found->group != group) return {};
  const auto damaged = [&] {
    return corrupt(fmt::format("key group {} of '{}'", group, index_.states[state].schema.name));
  };
  std::uint64_t at = found->offset;
  const std::uint64_t end = found->offset + found->length;
  std::uint64_t checksum = 0;
  std::string run;
  while (at < end) {
    std::array<char, kRunHeaderBytes> bytes{};
    if (end - at < bytes.size()) return damaged();
    TRY_VOID(bytes_->read(at, bytes));
    at += bytes.size();
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    if (length > end - at) return damaged();
    run.resize(length);
    TRY_VOID(bytes_->read(at, run));
    at += length;
    checksum = xxh3_64(run, checksum);
    TRY_VOID(visit(run));
  }
  return checksum == found->checksum ? Result<void>() : Result<void>(damaged());
}

}  // namespace weir::taskmanager
