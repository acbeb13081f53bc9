// Keys of rows: how key_by's argument is turned into the key of each row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "weir/detail/function_checks.h"
#include "weir/detail/row_reader.h"
#include "weir/key.h"
#include "weir/operator.h"
#include "weir/row_codec.h"

namespace weir::detail {

/// Errors: throws std::invalid_argument with a sentence.
[[noreturn]] void throw_key_not_in_schema(std::string_view record);

/// A field is the key: read alone, wherever it lies in the row.
template <class T, class K>
class MemberKey {
 public:
  using Key = K;
  using View = KeyView<K>;
  static constexpr bool kIsField = true;

  explicit MemberKey(K T::*member) : member_(member) {
    const T probe{};
    const void* wanted = &(probe.*member);
    bool found = false;
    for_each_index<T>([&](auto index) {
      const auto& candidate = field<index>(probe);
      if constexpr (std::is_same_v<FieldType<T, index>, K>) {
        if (static_cast<const void*>(&candidate) == wanted) {
          offset_ = offset_of<index>(probe);
          found = true;
        }
      }
    });
    if (!found) throw_key_not_in_schema(type_name<T>());
  }

  View of_row(RowArea rows, std::uint32_t row) {
    View key{};
    read_slot(rows.first + std::size_t{row} * RowCodec<T>::kStride + offset_, rows.end, key);
    return key;
  }
  View of_record(const T& record) const {
    if constexpr (std::is_same_v<K, std::string>) {
      return Text::borrow(record.*member_);
    } else {
      return record.*member_;
    }
  }

 private:
  template <std::size_t Index>
  static std::size_t offset_of(const T& probe) {
    if constexpr (RowCodec<T>::kPlain) {
      return static_cast<std::size_t>(reinterpret_cast<const char*>(&field<Index>(probe)) -
                                      reinterpret_cast<const char*>(&probe));
    } else {
      return slot_offset<T, Index>();
    }
  }
  K T::*member_;
  std::size_t offset_ = 0;
};

/// A string answered as a view or a literal is a string key.
template <class R>
using KeyFromResult =
    std::conditional_t<std::is_same_v<R, std::string_view> || std::is_same_v<R, const char*> || std::is_same_v<R, Text>,
                       std::string, R>;

/// A function answers the key.
template <class T, class F>
class FunctionKey {
 public:
  using Returned = std::invoke_result_t<F&, const T&>;
  using Key = KeyFromResult<std::remove_cvref_t<Returned>>;
  using View = KeyView<Key>;
  static constexpr bool kIsField = false;

  explicit FunctionKey(F function) : function_(std::move(function)) {}

  View of_row(RowArea rows, std::uint32_t row) { return of_record(reader_.read(rows, row)); }
  /// Valid until the next call.
  View of_record(const T& record) {
    if constexpr (std::is_same_v<View, Text>) {
      if constexpr (std::is_same_v<std::remove_cvref_t<Returned>, std::string> && !std::is_reference_v<Returned>) {
        kept_ = std::invoke(function_, record);
        return Text::borrow(kept_);
      } else {
        return Text::borrow(std::string_view(std::invoke(function_, record)));
      }
    } else {
      return std::invoke(function_, record);
    }
  }

 private:
  F function_;
  RowReader<T> reader_;
  std::string kept_;
};

template <class T, class F>
struct SelectorByMember {
  using Type = MemberKey<T, std::remove_cvref_t<std::invoke_result_t<F, const T&>>>;
};
template <class T, class F>
struct SelectorByFunction {
  using Type = FunctionKey<T, F>;
};

template <class Selector>
class SelectorHasher final : public KeyHasher {
 public:
  explicit SelectorHasher(Selector selector) : selector_(std::move(selector)) {}
  void hash(const Batch& batch, std::uint64_t* hashes) override {
    const RowArea rows(batch.block());
    const std::uint32_t count = batch.count();
    for (std::uint32_t i = 0; i < count; ++i) hashes[i] = key_hash(selector_.of_row(rows, batch.row_at(i)));
  }

 private:
  Selector selector_;
};

[[noreturn]] void throw_no_such_subtask(std::int64_t answered, std::uint32_t subtasks);

/// Asks the user's partitioner for each row, inlined in the loop.
template <class Selector, class P>
class CustomRouter final : public RowRouter {
 public:
  CustomRouter(Selector selector, P partitioner)
      : selector_(std::move(selector)), partitioner_(std::move(partitioner)) {}
  void route(const Batch& batch, std::uint32_t targets, std::uint16_t* target_of) override {
    const RowArea rows(batch.block());
    const auto subtasks = static_cast<int>(targets);
    for (std::uint32_t i = 0; i < batch.count(); ++i) {
      const typename Selector::View key = selector_.of_row(rows, batch.row_at(i));
      const auto answered = static_cast<std::int64_t>(std::invoke(partitioner_, key, subtasks));
      if (answered < 0 || answered >= subtasks) [[unlikely]]
        throw_no_such_subtask(answered, targets);
      target_of[i] = static_cast<std::uint16_t>(answered);
    }
  }

 private:
  Selector selector_;
  P partitioner_;
};

template <class P, class View>
struct CheckPartitioner {
  static constexpr bool takes() {
    if constexpr (std::is_invocable_v<P&, const View&, int>) {
      return std::is_integral_v<std::remove_cvref_t<std::invoke_result_t<P&, const View&, int>>>;
    } else {
      return false;
    }
  }
  static constexpr bool kTakes = takes();
  static_assert(kTakes,
                "weir: the partitioner given to partition_custom() must take the key and the number of subtasks (const "
                "K&, int) and return the subtask's index as an int; a text key comes as weir::Text");
  static constexpr bool kCallable = kTakes && CheckNeverOpened<P>::kGood;
};

/// T has a field of the type that a pointer to a member of it names. Whether that member is among the fields is known
/// only when the stream is keyed by it.
template <class T, class F>
constexpr bool is_of_a_field() {
  if constexpr (std::is_member_object_pointer_v<F> && Serializable<T> && kIsRecord<T>) {
    using K = std::remove_cvref_t<std::invoke_result_t<F, const T&>>;
    bool found = false;
    for_each_index<T>([&](auto index) { found = found || std::is_same_v<FieldType<T, index>, K>; });
    return found;
  } else {
    return true;
  }
}

template <class T, class F>
struct CheckKey {
  static constexpr bool kTakes = std::is_invocable_v<F&, const T&>;
  static_assert(kTakes,
                "weir: key_by() and partition_custom() take the key as a pointer to a field (&Record::field) or a "
                "function of a record (const T&) that returns it");
  static constexpr bool is_a_key() {
    if constexpr (kTakes) {
      return Key<KeyFromResult<std::remove_cvref_t<std::invoke_result_t<F&, const T&>>>>;
    } else {
      return true;
    }
  }
  static_assert(
      is_a_key(),
      "weir: a key is a number, bool, enum, text, time or decimal, or an optional, pair, tuple or struct of these");
  static constexpr bool is_in_schema() {
    if constexpr (kTakes && is_a_key()) {
      return is_of_a_field<T, F>();
    } else {
      return true;
    }
  }
  static_assert(
      is_in_schema(),
      "weir: key_by() and partition_custom() got a pointer to a member that weir::Schema does not list for this "
      "record; add the member to the schema's fields, or give a function of a record");
  static constexpr bool kFits = kTakes && is_a_key() && is_in_schema() && CheckNeverOpened<F>::kGood;
};

/// How a key selector is kept, whichever way it was written.
template <class T, class F>
using SelectorOf = typename std::conditional_t<std::is_member_object_pointer_v<F>, SelectorByMember<T, F>,
                                               SelectorByFunction<T, F>>::Type;

}  // namespace weir::detail
