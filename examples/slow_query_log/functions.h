// The records of the job, and what it does with them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "examples/slow_query_log/fingerprint.h"
#include "examples/slow_query_log/slow_log_parser.h"
#include "examples/slow_query_log/totals.h"
#include "weir/collector.h"
#include "weir/context.h"
#include "weir/decimal.h"
#include "weir/keyed_context.h"
#include "weir/side_output.h"
#include "weir/source.h"
#include "weir/state.h"
#include "weir/text.h"

namespace slow_query_log {

/// What is needed of one query.
struct Query {
  weir::Text fingerprint;
  std::int64_t query_time_us;
  std::uint64_t rows_examined;
};

/// What a fingerprint has come to. Times in seconds.
struct Change {
  weir::Text fingerprint;
  std::uint64_t count;
  weir::Decimal<18, 6> total_time;
  weir::Decimal<18, 6> max_time;
  std::uint64_t rows_examined;
};

/// A broken record as it is set aside.
struct SetAside {
  std::string reason;
  std::string source;
  std::string place;
  std::string record;                        ///< bytes that are not UTF-8 show as U+FFFD
  std::optional<std::string> record_base64;  ///< all bytes, where they are not UTF-8
};

/// Records that the parser could not read.
inline const weir::OutputTag<weir::BadRecord> kBroken{"broken records"};

/// A record of the log becomes a Query; broken ones go to kBroken, banners nowhere.
class ParseRecord {
 public:
  void open(weir::RuntimeContext& context) {
    fingerprinter_ = std::make_shared<Fingerprinter>();
    broken_count_ = &context.counter("numBrokenRecords");
  }

  void process(const weir::Text& record, weir::RuntimeContext& context, weir::Collector<Query>& out) {
    parser_.begin(record);
    while (const auto outcome = parser_.next(query_)) {
      switch (*outcome) {
        case SlowLogParser::Outcome::query:
          out.collect({weir::Text::borrow(fingerprinter_->normalise(query_.statement, query_.line_end)),
                       query_.query_time_us, query_.rows_examined});
          break;
        case SlowLogParser::Outcome::nothing: break;
        case SlowLogParser::Outcome::broken:
          broken_count_->add(1);
          context.output(kBroken, weir::BadRecord{std::string(context.operator_name()),
                                                  {},
                                                  std::string(parser_.reason()),
                                                  std::string(parser_.record())});
          break;
      }
    }
  }

 private:
  SlowLogParser parser_;
  SlowQuery query_;
  std::shared_ptr<Fingerprinter> fingerprinter_;  // each subtask makes its own in open()
  weir::Counter* broken_count_ = nullptr;
};

/// Keeps the totals of each fingerprint and tells every change.
class CountQueries {
 public:
  void open(weir::KeyedContext<weir::Text>& context) { totals_ = context.value_state<Totals>("totals"); }

  void process(const Query& query, weir::KeyedContext<weir::Text>&, weir::Collector<Change>& out) {
    Totals& totals = totals_.edit();
    totals.add(query.query_time_us, query.rows_examined);
    out.collect({query.fingerprint, totals.count, weir::Decimal<18, 6>::from_units(totals.total_us),
                 weir::Decimal<18, 6>::from_units(totals.max_us), totals.rows_examined});
  }

 private:
  weir::ValueState<Totals> totals_;
};

/// The form in which a broken record leaves the job.
SetAside set_aside(const weir::BadRecord& bad);

}  // namespace slow_query_log
