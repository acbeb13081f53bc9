// Socket: text from a TCP server, for trying things out. Nothing can be read again: after a failure, what came before
// it is lost.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "weir/connectors/raw_reader.h"
#include "weir/source.h"

namespace weir::connectors {

struct SocketSourceOptions {
  /// For ever.
  static constexpr int kEndless = -1;

  std::string host;
  int port = 0;
  FormatPtr format;
  /// What ends a record; one byte or several. With "\n", a "\r" before it goes as well.
  std::string delimiter = "\n";
  /// A longer record is a bad one.
  std::size_t record_bytes_max = 1u << 20;
  /// How often to dial again, one after the other without a byte in between, when the server is not there or has closed
  /// the connection. 0: a server that is not there fails the task, and the end of the connection is the end of the
  /// source.
  int reconnect_tries = 0;
  /// Between two tries, as Flink's socketTextStream waits.
  std::chrono::milliseconds retry_delay{500};
  /// For one try.
  std::chrono::milliseconds connect_timeout{10'000};
  OnBadRecord on_bad_record = OnBadRecord::fail;
  /// Records a second.
  double max_rate = RateLimit::kNone;
};
/// Errors: an empty host or delimiter, a port that is none, a limit that makes no sense.
Result<void> check_socket_source(const SocketSourceOptions& options);
/// One connection, read by subtask 0; the others end at once. State: none.
std::unique_ptr<RawReader> make_socket_reader(SocketSourceOptions options);

/// Records of T, one after each delimiter, from a server that is dialled. Ends when the server ends the connection.
///     env.from_source(SocketSource<std::string>("localhost", 9999, raw_format()));
template <class T>
class SocketSource final : public Source<T> {
 public:
  SocketSource(std::string host, int port, FormatPtr format) {
    options_.host = std::move(host);
    options_.port = port;
    options_.format = std::move(format);
    require(options_.format->check(type_of<T>()), name());
    check();
  }

  SocketSource& delimiter(std::string delimiter) { return options_.delimiter = std::move(delimiter), check(); }
  SocketSource& record_bytes_max(std::size_t bytes) { return options_.record_bytes_max = bytes, check(); }
  /// As the last argument of Flink's socketTextStream: -1 for ever.
  SocketSource& reconnect_tries(int tries) { return options_.reconnect_tries = tries, check(); }
  SocketSource& retry_delay(std::chrono::milliseconds delay) { return options_.retry_delay = delay, check(); }
  SocketSource& connect_timeout(std::chrono::milliseconds limit) { return options_.connect_timeout = limit, check(); }
  SocketSource& on_bad_record(OnBadRecord choice) { return options_.on_bad_record = choice, *this; }
  SocketSource& max_rate(double records_per_second) {
    require(check_max_rate(records_per_second), name());
    return options_.max_rate = records_per_second, *this;
  }

  std::string name() const override { return "Socket: " + options_.host + ":" + std::to_string(options_.port); }
  bool bounded() const override { return options_.reconnect_tries != SocketSourceOptions::kEndless; }
  OnBadRecord on_bad_record() const override { return options_.on_bad_record; }
  std::unique_ptr<SourceReader> make_reader() const override {
    return std::make_unique<DecodingReader<T>>(name(), make_socket_reader(options_),
                                               options_.format->make_decoder(type_of<T>()), options_.on_bad_record,
                                               options_.max_rate);
  }

 private:
  SocketSource& check() {
    require(check_socket_source(options_), name());
    return *this;
  }

  SocketSourceOptions options_;
};

}  // namespace weir::connectors
