// Runs a job's graph in the test's own thread, one subtask per operator, every edge a call: what the functions and
// connectors do, without daemons, slots and exchange.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fake_operator_context.h"
#include "weir/stream_graph.h"

namespace weir::test {

class GraphRunner {
 public:
  explicit GraphRunner(StreamGraph graph) : graph_(std::move(graph)), nodes_(graph_.operators.size()) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const OperatorNode& made = graph_.operators[i];
      nodes_[i].output = std::make_unique<Edges>(*this, nodes_[i]);
      if (made.make_reader) nodes_[i].reader = made.make_reader();
      if (made.make_operator) nodes_[i].op = made.make_operator();
      for (const EdgeNode& edge : made.inputs) {
        nodes_[edge.source - 1].targets.push_back({edge.output, i, edge.input});
        ++nodes_[i].open_inputs;
      }
    }
  }

  /// To the end of all sources and sinks. Answers the first error, empty when all went well.
  std::string run(std::chrono::seconds limit = std::chrono::seconds(60)) {
    deadline_ = std::chrono::steady_clock::now() + limit;
    for (Node& node : nodes_) {
      node.context.clock_ms = now_ms();
      note(node.reader ? node.reader->open(node.context) : node.op->open(node.context));
    }
    for (std::size_t i = 0; i < nodes_.size() && error_.empty(); ++i) {
      if (nodes_[i].reader) run_source(nodes_[i]);
    }
    for (Node& node : nodes_) {
      if (node.reader) {
        node.reader->close();
      } else {
        node.op->close();
      }
    }
    return error_;
  }

  /// Sum of a counter over all operators.
  std::uint64_t counter(const std::string& name) {
    std::uint64_t sum = 0;
    for (Node& node : nodes_) sum += node.context.counters[name].value;
    return sum;
  }

 private:
  struct Target {
    std::uint32_t output = 0;
    std::size_t node = 0;
    std::uint32_t input = 0;
  };
  class Edges;
  struct Node {
    FakeOperatorContext context;
    std::unique_ptr<SourceReader> reader;
    std::unique_ptr<Operator> op;
    std::unique_ptr<Edges> output;
    std::vector<Target> targets;
    int open_inputs = 0;
  };

  class Edges final : public SourceOutput {
   public:
    Edges(GraphRunner& runner, Node& node) : runner_(runner), node_(node) {}
    void emit(Batch& batch) override { emit_side(0, batch); }
    void emit_side(std::uint32_t index, Batch& batch) override {
      for (const Target& target : node_.targets) {
        if (target.output != index) continue;
        Node& next = runner_.nodes_[target.node];
        next.op->process(target.input, batch, *next.output);
        runner_.settle(next);
      }
    }
    void emit_watermark(EventTime) override {}
    Output& split(std::uint32_t) override { return *this; }
    void mark_idle(std::uint32_t) override {}
    void release(std::uint32_t) override {}

   private:
    GraphRunner& runner_;
    Node& node_;
  };

  static std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  void note(const Result<void>& result) {
    if (!result.ok() && error_.empty()) error_ = result.error().message;
  }

  /// Waits for what a source or sink names. False when it is late or there is an error.
  bool go_on(Node& node, const Result<Progress>& progress) {
    if (!progress.ok()) {
      note(progress.error());
      return false;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
    if (left <= 0) note(Error::internal("the graph was not done in time"));
    if (progress->kind == Progress::Kind::blocked) {
      const std::int64_t until = progress->wake_at_ms == Progress::kNever
                                     ? left
                                     : std::min<std::int64_t>(left, progress->wake_at_ms - now_ms());
      pollfd fd{.fd = progress->wake_fd, .events = POLLIN, .revents = 0};
      ::poll(&fd, progress->wake_fd >= 0 ? 1 : 0, static_cast<int>(std::max<std::int64_t>(until, 0)));
    }
    node.context.clock_ms = now_ms();
    return error_.empty();
  }

  void settle(Node& node) {
    for (;;) {
      const Result<Progress> progress = node.op->ready(*node.output);
      if (!go_on(node, progress) || progress->kind != Progress::Kind::blocked) return;
    }
  }

  void run_source(Node& node) {
    for (;;) {
      const Result<Progress> progress = node.reader->poll(*node.output);
      if (!go_on(node, progress)) return;
      if (progress->kind == Progress::Kind::finished) break;
    }
    end(node);
  }

  void end(Node& node) {
    for (const Target& target : node.targets) {
      Node& next = nodes_[target.node];
      next.op->end_of_input(target.input);
      settle(next);
      if (--next.open_inputs == 0) end(next);
    }
  }

  StreamGraph graph_;
  std::vector<Node> nodes_;
  std::chrono::steady_clock::time_point deadline_;
  std::string error_;
};

}  // namespace weir::test
