#include "weir/reflect.h"

#include <doctest/doctest.h>

#include <memory>

#include "tests/unit/api/records.h"
#include "weir/type_of.h"

using namespace weir;
using namespace weir::test;
using detail::Misfit;

namespace {

struct WithPointer {
  int a;
  int* p;
};
struct WithArray {
  int a;
  int b[3];
};
struct WithShortArray {
  int a;
  char b[1];
};
struct WithArrayOfStrings {
  std::string b[2];
  int a;
};
struct WithUnique {
  int a;
  std::unique_ptr<int> p;
};
struct WithReference {
  int& a;
};
struct WithVectorBool {
  std::vector<bool> b;
};
struct WithView {
  std::string_view b;
};
struct WithNestedView {
  int a;
  std::optional<std::vector<std::string_view>> b;
};
struct Empty {};
struct WithEmpty {
  int a;
  Empty b;
};
struct Base {
  int a;
};
struct Derived : Base {
  int b;
};
class Closed {
 public:
  Closed() = default;
  int a = 0;
  int b() const { return b_; }

 private:
  int b_ = 0;
};
class Hand {
 public:
  Hand() = default;
  Hand(int x, std::string y) : x(x), y(std::move(y)) {}
  int x = 0;
  std::string y;
};
template <class T>
struct Pairwise {
  T left;
  T right;
};

template <class T>
std::string names() {
  std::string text(detail::type_name<T>());
  for (const FieldInfo& field : type_of<T>().fields) text.append(" ").append(field.name);
  return text;
}

}  // namespace

template <>
struct weir::Schema<Hand> {
  static constexpr std::string_view name = "Hand";
  static constexpr auto fields = std::tuple{weir::Field{"x", &Hand::x}, weir::Field{"y", &Hand::y}};
};

TEST_CASE("reflect: names of types and fields come without namespaces and functions around them") {
  struct Local {
    int loc;
    std::pair<int, std::string> both;
  };
  CHECK(names<Bid>() == "Bid auction bidder price time channel url extra");
  CHECK(names<Local>() == "Local loc both");
  CHECK(names<Hand>() == "Hand x y");
  CHECK(names<std::pair<int, std::string>>() == "pair first second");
  CHECK(names<std::tuple<int, Point, std::string>>() == "tuple f0 f1 f2");
  CHECK(detail::type_name<Pairwise<Point>>() == "Pairwise<weir::test::Point>");
  [](int, char(*)[3]) {
    struct Deep {
      int q1;
      Colour q2;
    };
    CHECK(names<Deep>() == "Deep q1 q2");
      }(0, nullptr);
}

TEST_CASE("reflect: a type that does not fit is told apart with its reason") {
  CHECK(detail::kMisfit<WithPointer> == Misfit::pointer);
  CHECK(detail::kMisfit<WithArray> == Misfit::array);
  CHECK(detail::kMisfit<WithShortArray> == Misfit::array);
  CHECK(detail::kMisfit<WithArrayOfStrings> == Misfit::array);
  CHECK(detail::kMisfit<WithUnique> == Misfit::not_copyable);
  CHECK(detail::kMisfit<WithReference> == Misfit::no_default);
  CHECK(detail::kMisfit<WithVectorBool> == Misfit::vector_bool);
  CHECK(detail::kMisfit<WithView> == Misfit::string_view);
  CHECK(detail::kMisfit<WithNestedView> == Misfit::string_view);
  CHECK(detail::kMisfit<Empty> == Misfit::no_fields);
  CHECK(detail::kMisfit<WithEmpty> == Misfit::no_fields);
  CHECK(detail::kMisfit<Closed> == Misfit::not_aggregate);
  CHECK(detail::kMisfit<Derived> == Misfit::has_base);
  CHECK(detail::kMisfit<long double> == Misfit::long_double);
  CHECK(detail::kMisfit<std::shared_ptr<int>> == Misfit::not_aggregate);
}

TEST_CASE("reflect: what fits, fits") {
  CHECK(Record<Everything>);
  CHECK(Record<Bid>);
  CHECK(Record<Hand>);
  CHECK(Record<std::pair<int, std::string>>);
  CHECK(Serializable<std::int64_t>);
  CHECK_FALSE(Record<std::int64_t>);
  CHECK(Serializable<std::string>);
  CHECK_FALSE(Record<std::vector<Bid>>);
  CHECK(Record<Pairwise<Everything>>);
}

TEST_CASE("type_of: the schema's text names every kind") {
  CHECK(schema_text(type_of<Point>()) == "record Point{x:int32,y:float64,marked:bool}");
  CHECK(
      schema_text(type_of<Everything>()) ==
      "record Everything{flag:bool,small:int8,big:uint64,single:float32,colour:enum<uint8>,at:time,price:decimal<10,2>,"
      "total:decimal<30,4>,note:string,maybe:optional<int32>,maybe_note:optional<string>,maybe_point:optional<record "
      "Point{x:int32,"
      "y:float64,marked:bool}>,point:record Point{x:int32,y:float64,marked:bool},tags:list<string>,points:list<record "
      "Point{x:int32,"
      "y:float64,marked:bool}>,lists:map<string,list<int64>>,names:map<int32,string>,choice:variant<int64,string,"
      "record Point{x:int32,"
      "y:float64,marked:bool}>}");
  CHECK(schema_text(type_of<std::int64_t>()) == "int64");
  CHECK(schema_id("int64") == schema_id("int64"));
  CHECK(schema_id("int64") != schema_id("int32"));
}

TEST_CASE("type_of: objects can be read and written through the description") {
  const TypeInfo& type = type_of<Everything>();
  CHECK(type.size == sizeof(Everything));
  Everything value = filled(5);
  const auto place = [&](std::string_view name) -> std::pair<const TypeInfo*, char*> {
    for (const FieldInfo& field : type.fields) {
      if (field.name == name) return {field.type, reinterpret_cast<char*>(&value) + field.offset};
    }
    return {nullptr, nullptr};
  };
  const auto [tags, tags_at] = place("tags");
  REQUIRE(tags != nullptr);
  tags->clear(tags_at);
  *static_cast<std::string*>(tags->append(tags_at)) = "one";
  CHECK(value.tags == std::vector<std::string>{"one"});
  CHECK(tags->count(tags_at) == 1);
  CHECK(*static_cast<const std::string*>(tags->at(tags_at, 0)) == "one");

  const auto [maybe, maybe_at] = place("maybe");
  maybe->clear(maybe_at);
  CHECK_FALSE(value.maybe.has_value());
  *static_cast<std::int32_t*>(maybe->emplace(maybe_at)) = 42;
  CHECK(value.maybe == 42);

  const auto [names_type, names_at] = place("names");
  std::int32_t key = -1;
  std::string name = "minus";
  names_type->insert(names_at, &key, &name);
  std::string order;
  names_type->each(names_at, &order, [](void* argument, const void* k, const void*) {
    static_cast<std::string*>(argument)->append(std::to_string(*static_cast<const std::int32_t*>(k))).append(" ");
  });
  CHECK(order == "-1 5 ");

  const auto [choice, choice_at] = place("choice");
  CHECK(choice->alternative(choice_at) == 2);
  *static_cast<std::string*>(choice->hold(choice_at, 1)) = "now text";
  CHECK(std::get<std::string>(value.choice) == "now text");
  CHECK(*static_cast<const std::string*>(choice->held(choice_at)) == "now text");
  CHECK(*static_cast<const std::string*>(choice->hold(choice_at, 1)) == "");
}
