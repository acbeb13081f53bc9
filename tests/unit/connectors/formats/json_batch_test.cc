// JSON records decoded by the batch are what they are when each is decoded alone.
#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/seed.h"
#include "weir/connectors/format.h"
#include "weir/text.h"
#include "weir/type_of.h"

using namespace weir;
using namespace weir::connectors;

namespace {

struct Inner {
  std::int32_t x = 0;
  std::optional<std::string> y;
  bool operator==(const Inner&) const = default;
};

struct Order {
  std::int64_t id = 0;
  Text name;
  std::optional<Inner> inner;
  std::vector<std::int32_t> list;
};

/// What a decoder says to one record.
struct Answer {
  bool ok = false;
  std::string words;
  bool operator==(const Answer&) const = default;
};

Answer ask(RecordDecoder& decoder, std::string_view bytes) {
  Order order;
  Answer answer;
  answer.ok = decoder.decode(bytes, &order, answer.words);
  if (!answer.ok) return answer;
  answer.words = std::to_string(order.id) + "/" + std::string(order.name.view()) + "/" +
                 (order.inner ? std::to_string(order.inner->x) + order.inner->y.value_or("-") : "none");
  for (const std::int32_t each : order.list) answer.words += "," + std::to_string(each);
  return answer;
}

std::vector<Answer> alone(const std::vector<std::string>& records) {
  std::vector<Answer> answers;
  for (const std::string& record : records) {
    const auto decoder = json_format()->make_decoder(type_of<Order>());
    answers.push_back(ask(*decoder, record));
  }
  return answers;
}

/// All records in one buffer with these bytes between them, or each in one of its own, announced as a batch.
std::vector<Answer> by_batch(RecordDecoder& decoder, const std::vector<std::string>& records,
                             const std::string& between, bool together, char padding) {
  std::string buffer;
  std::vector<std::size_t> begins;
  for (const std::string& record : records) {
    begins.push_back(buffer.size());
    buffer += record + between;
  }
  const std::size_t size = buffer.size();
  buffer += std::string(64, padding);
  std::vector<RecordBytes> batch;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::string_view bytes =
        together ? std::string_view(buffer).substr(begins[i], records[i].size()) : std::string_view(records[i]);
    batch.push_back({bytes, together ? size + 64 - begins[i] - bytes.size() : 0});
  }
  decoder.begin_batch(batch);
  std::vector<Answer> answers;
  for (const RecordBytes& record : batch) answers.push_back(ask(decoder, record.bytes));
  return answers;
}

void check_agreement(const std::vector<std::string>& records) {
  const std::vector<Answer> expected = alone(records);
  const auto decoder = json_format()->make_decoder(type_of<Order>());
  const auto check = [&](const std::vector<Answer>& answers) {
    REQUIRE(answers.size() == records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
      CAPTURE(i);
      CAPTURE(records[i]);
      CHECK(answers[i].ok == expected[i].ok);
      CHECK(answers[i].words == expected[i].words);
    }
  };
  for (const std::string between : {"\n", "\r\n", "\n\n \t\n"})
    check(by_batch(*decoder, records, between, true, between.back() == '\n' ? '}' : '"'));
  check(by_batch(*decoder, records, "\n", true, '"'));
  check(by_batch(*decoder, records, "", false, ' '));
}

std::string order(int i) {
  return R"({"id":)" + std::to_string(i) + R"(,"name":"n)" + std::to_string(i) +
         R"(","inner":{"x":1,"y":"\u00e9"},"list":[1,2,)" + std::to_string(i) + "]}";
}

}  // namespace

TEST_CASE("json by the batch: good records, in one buffer and in many") {
  std::vector<std::string> records;
  for (int i = 0; i < 2000; ++i) records.push_back(order(i));
  check_agreement(records);
  CHECK(alone({order(5)})[0].words == "5/n5/1\u00e9,1,2,5");
  check_agreement({order(1)});
  check_agreement({});
}

TEST_CASE("json by the batch: members that nobody wants, in any order, with escapes in their names") {
  check_agreement({R"({"a":{"id":9,"b":[{"id":8}]},"id":1,"name":"x","list":[],"z":null})",
                   R"({"id":2,"name":"x","list":[],"a":"}{\"id\":7","b":[[]]})",
                   R"({"\u0069d":3,"name":"x","list":[]})", R"({"name":"x","id":3,"list":[]})",
                   R"({"i\u0064":4,"na\"me":5,"name":"a\\b","list":[ 1 , 2 ]})",
                   R"({"id":5,"id":6,"name":"x","list":[]})", R"({ "id" : 7 , "name" : "x" , "list" : [] } )",
                   R"({"name":"x","list":[],"id":8})", R"({"id":9,"name":"x","list":[],"idd":1,"i":2,"":3})"});
}

TEST_CASE("json by the batch: a record that is broken does not change its neighbours") {
  const std::vector<std::string> broken = {"",
                                           " ",
                                           "{",
                                           "}",
                                           "[]",
                                           "7",
                                           "null",
                                           "{}",
                                           "{\"id\":",
                                           "{\"id\":1",
                                           "{\"id\":1}",
                                           "{\"id\":1,\"name\":\"x\",\"list\":[",
                                           "{\"id\":1,\"name\":\"x\",\"list\":[]",
                                           "} {\"id\":1,\"name\":\"x\",\"list\":[]}",
                                           "{\"id\":1,\"name\":\"x\",\"list\":[]}}",
                                           "{\"id\":1,\"name\":\"x\",\"list\":[]} {}",
                                           "{\"id\":1,\"name\":\"x",
                                           "x\",\"list\":[]}",
                                           "]}",
                                           "\"",
                                           "\xff",
                                           "{\"id\":1,\"name\":\"\xff\",\"list\":[]}",
                                           "{\"id\":1,\"name\":\"a\nb\",\"list\":[]}",
                                           "{\"id\":1 \"name\":\"x\"}",
                                           "{\"id\":tru}",
                                           "{\"id\":99999999999999999999,\"name\":\"\",\"list\":[]}",
                                           "{\"id\":1,\"name\":\"\\q\",\"list\":[]}",
                                           "{\"a\":",
                                           "{\"id\":1,\"name\":\"x\",\"list\":[],\"a\":",
                                           ",",
                                           ":",
                                           "\\"};
  for (const std::string& one : broken) {
    CAPTURE(one);
    check_agreement({order(1), one, order(3), order(4)});
    check_agreement({one, order(3)});
    check_agreement({order(3), one});
    // Two halves that a parser which does not know where records end would take for one.
    for (const std::string& other : broken) check_agreement({one, other, order(5)});
  }
}

TEST_CASE("json by the batch: any mutation of any records") {
  const unsigned seed = weir::test::seed();
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> records;
    for (unsigned i = 0; i < 2 + random() % 20; ++i) {
      std::string record = order(static_cast<int>(random() % 100));
      for (unsigned changes = random() % 3; changes > 0 && !record.empty(); --changes) {
        const std::size_t at = random() % record.size();
        switch (random() % 4) {
          case 0: record.erase(at, 1 + random() % 5); break;
          case 1: record[at] = static_cast<char>(random() % 256); break;
          case 2: record.insert(at, weir::test::random_text(random, 4, "{}[]\",:\\ \n1a")); break;
          default: record.resize(at);
        }
      }
      records.push_back(record);
    }
    CAPTURE(seed);
    CAPTURE(round);
    check_agreement(records);
  }
}

TEST_CASE("json by the batch: records that are passed over, and a batch after another") {
  std::vector<std::string> records;
  for (int i = 0; i < 10; ++i) records.push_back(order(i));
  const auto decoder = json_format()->make_decoder(type_of<Order>());
  std::vector<RecordBytes> batch;
  for (const std::string& record : records) batch.push_back({record, 0});
  for (int times = 0; times < 3; ++times) {
    decoder->begin_batch(batch);
    for (std::size_t i = 0; i < records.size(); i += 1 + static_cast<std::size_t>(times))
      CHECK(ask(*decoder, records[i]) == alone({records[i]})[0]);
  }
  // One that was not announced.
  decoder->begin_batch(batch);
  CHECK(ask(*decoder, records[0]).ok);
  const std::string other = order(77);
  CHECK(ask(*decoder, other).words == "77/n77/1\u00e9,1,2,77");
  CHECK(ask(*decoder, records[1]).ok);
}

TEST_CASE("json by the batch: a batch too large for one go is decoded record by record") {
  std::vector<std::string> records;
  for (int i = 0; i < 3; ++i) records.push_back(R"({"id":1,"list":[],"name":")" + std::string(3'000'000, 'x') + "\"}");
  records.push_back(order(1));
  check_agreement(records);
}
