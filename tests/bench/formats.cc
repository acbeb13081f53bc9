// CSV and JSON: records read and written, beside a bare loop over the same bytes in the same run.
//   formats [--json]
#include <fmt/format.h>
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/measure.h"
#include "tests/support/fake_operator_context.h"
#include "tests/support/temporary_directory.h"
#include "weir/connectors/files.h"
#include "weir/text.h"
#include "weir/type_of.h"

namespace {

using namespace weir::connectors;
using weir::bench::Measure;
using weir::bench::per_core_measure;
using weir::bench::records_per_second;

constexpr int kRecords = 100'000;

struct Bid {
  std::int64_t auction = 0;
  std::int64_t bidder = 0;
  std::int64_t price = 0;
  std::int64_t ts = 0;
  weir::Text channel;
  weir::Text url;
  weir::Text extra;
};

/// What a job that looks at two fields reads.
struct Price {
  std::int64_t auction = 0;
  std::int64_t price = 0;
};

std::uint64_t checksum = 0;  // keeps the compiler from dropping what is measured

Bid bid(int i, std::string& memory) {
  memory = fmt::format("ch{:04}https://www.example.com/item.htm?q={:04}{}", i % 10'000, i % 10'000,
                       std::string(30, static_cast<char>('a' + i % 26)));
  const std::string_view text = memory;
  Bid bid{.auction = 1000 + i * 7, .bidder = 2000 + i, .price = 123'456 + i, .ts = 1'700'000'000'000 + i};
  bid.channel = weir::Text::borrow(text.substr(0, 6));
  bid.url = weir::Text::borrow(text.substr(6, text.size() - 36));
  bid.extra = weir::Text::borrow(text.substr(text.size() - 30));
  return bid;
}

/// All bids, a line each, and where the lines lie.
struct Lines {
  std::string text;
  std::vector<std::string_view> records;
};

Lines lines_of(const FormatPtr& format) {
  Lines lines;
  const auto encoder = format->make_encoder(weir::type_of<Bid>());
  std::string memory;
  std::vector<std::size_t> ends;
  for (int i = 0; i < kRecords; ++i) {
    const Bid record = bid(i, memory);
    encoder->encode(&record, lines.text);
    ends.push_back(lines.text.size());
    lines.text += '\n';
  }
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    lines.records.push_back(std::string_view(lines.text).substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

template <class T>
double decoded(const FormatPtr& format, const Lines& lines) {
  const auto decoder = format->make_decoder(weir::type_of<T>());
  T record;
  std::string reason;
  return records_per_second([&] {
    for (const std::string_view bytes : lines.records)
      checksum += decoder->decode(bytes, &record, reason) ? static_cast<std::uint64_t>(record.auction) : 0;
    return lines.records.size();
  });
}

/// The whole source, from a file in the page cache to blocks.
template <class T>
double read_from_file(const FormatPtr& format, const std::string& path) {
  class Discard final : public weir::SourceOutput {
   public:
    void emit(weir::Batch& batch) override { rows += batch.count(); }
    void emit_side(std::uint32_t, weir::Batch&) override {}
    void emit_watermark(weir::EventTime) override {}
    weir::Output& split(std::uint32_t) override { return *this; }
    void mark_idle(std::uint32_t) override {}
    void release(std::uint32_t) override {}
    std::size_t rows = 0;
  };
  return records_per_second([&] {
    weir::test::FakeOperatorContext context;
    Discard output;
    const auto reader = FileSource<T>(path, format).make_reader();
    if (!reader->open(context).ok()) std::exit(2);
    for (;;) {
      const auto progress = reader->poll(output);
      if (!progress.ok()) std::exit(2);
      if (progress->kind == weir::Progress::Kind::finished) break;
    }
    reader->close();
    checksum += output.rows;
    return output.rows;
  });
}

double encoded(const FormatPtr& format) {
  const auto encoder = format->make_encoder(weir::type_of<Bid>());
  std::string memory, out;
  Bid record = bid(7, memory);
  return records_per_second([&] {
    for (int i = 0; i < 1000; ++i) {
      out.clear();
      record.price = i;
      encoder->encode(&record, out);
      checksum += out.size();
    }
    return std::size_t{1000};
  });
}

/// simdjson over all lines at once, fields in the order in which they stand: as fast as the library goes.
double bare_simdjson(const Lines& lines, bool all_fields) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string text(lines.text);
  return records_per_second([&] {
    simdjson::ondemand::document_stream documents;
    if (parser.iterate_many(text).get(documents)) std::exit(2);
    std::size_t count = 0;
    for (auto document : documents) {
      std::int64_t auction = 0, bidder = 0, price = 0, ts = 0;
      std::string_view channel, url, extra;
      simdjson::ondemand::object object;
      if (document.get_object().get(object)) std::exit(2);
      bool wrong = object.find_field("auction").get(auction);
      if (all_fields) wrong |= object.find_field("bidder").get(bidder);
      wrong |= object.find_field("price").get(price);
      if (all_fields) {
        wrong |= object.find_field("ts").get(ts);
        wrong |= object.find_field("channel").get(channel);
        wrong |= object.find_field("url").get(url);
        wrong |= object.find_field("extra").get(extra);
      }
      if (wrong) std::exit(2);
      checksum +=
          static_cast<std::uint64_t>(auction + bidder + price + ts) + channel.size() + url.size() + extra.size();
      ++count;
    }
    return count;
  });
}

/// memchr from delimiter to delimiter, which any reader of CSV must do at least.
double bare_memchr(const Lines& lines) {
  return records_per_second([&] {
    const char* at = lines.text.data();
    const char* end = at + lines.text.size();
    while (at < end) {
      const char* line = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
      for (const char* cell = at; cell != nullptr && cell < line;) {
        cell = static_cast<const char*>(std::memchr(cell, ',', static_cast<std::size_t>(line - cell)));
        if (cell != nullptr) checksum += static_cast<unsigned char>(*cell++);
      }
      at = line + 1;
    }
    return lines.records.size();
  });
}

double bare_copy(const Lines& lines) {
  std::string out;
  return records_per_second([&] {
    for (const std::string_view record : lines.records) {
      out.assign(record);
      checksum += out.size();
    }
    return lines.records.size();
  });
}

void bench(const std::string& name, const FormatPtr& format, const weir::bench::Printer& printer) {
  const Lines lines = lines_of(format);
  const bool json = format->name() == "json";
  const double limit = json ? bare_simdjson(lines, true) : bare_memchr(lines);
  const double few_limit = json ? bare_simdjson(lines, false) : limit;
  const weir::test::TemporaryDirectory directory;
  const std::string path = directory.write("bids", lines.text).string();
  printer.print(per_core_measure(name + ", bids decoded", decoded<Bid>(format, lines), limit));
  printer.print(per_core_measure(name + ", bids from a file", read_from_file<Bid>(format, path), limit));
  if (json) {
    printer.print(per_core_measure(name + ", two of seven fields decoded", decoded<Price>(format, lines), few_limit));
    printer.print(
        per_core_measure(name + ", two of seven fields from a file", read_from_file<Price>(format, path), few_limit));
  } else {
    const FormatPtr named = csv_format({.header = true, .quotes_over_lines = false});
    const std::string header =
        directory.write("named", "auction,bidder,price,ts,channel,url,extra\n" + lines.text).string();
    printer.print(
        per_core_measure(name + ", two of seven fields from a file", read_from_file<Price>(named, header), few_limit));
    printer.print(per_core_measure(name + ", bids from a file, quotes over lines",
                                   read_from_file<Bid>(csv_format(), path), limit));
  }
  printer.print(per_core_measure(name + ", bids written", encoded(format), bare_copy(lines)));
}

}  // namespace

int main(int argc, char** argv) {
  const weir::bench::Printer printer(argc, argv);
  bench("JSON", json_format(), printer);
  bench("CSV", csv_format({.quotes_over_lines = false}), printer);
  return checksum == 0;
}
