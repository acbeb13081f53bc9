// StreamExecutionEnvironment: where a build function begins.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/connected_streams.h"
#include "weir/datastream.h"
#include "weir/detail/collection_source.h"
#include "weir/stream_graph.h"

namespace weir {

class Parameters;

/// Collects the graph of a job. WEIR_JOB gives one as `env`; there is no execute(): the job is what was made when the
/// body ends. Lives on: the thread of the build function. Streams must not outlive it.
class StreamExecutionEnvironment {
 public:
  /// @param configuration  the job's settings, from the cluster and the submission
  explicit StreamExecutionEnvironment(std::map<std::string, std::string> configuration = {});
  StreamExecutionEnvironment(const StreamExecutionEnvironment&) = delete;
  StreamExecutionEnvironment& operator=(const StreamExecutionEnvironment&) = delete;

  /// For people; else the name in WEIR_JOB.
  StreamExecutionEnvironment& set_job_name(std::string name);
  /// Subtasks of operators that do not say otherwise; else what the submission or the cluster says. At least 1.
  StreamExecutionEnvironment& set_parallelism(int parallelism);
  /// Key groups of operators that do not say otherwise: the most that their parallelism can ever be. 1 to 32,768.
  StreamExecutionEnvironment& set_max_parallelism(int max_parallelism);
  /// A setting of this job, under Flink's key ("pipeline.object-reuse"); what the submission says wins.
  StreamExecutionEnvironment& set(std::string key, std::string value);
  /// Values for people and for functions: shown with the job, and what context.job_parameters() gives (Flink's
  /// `pipeline.global-job-parameters`).
  StreamExecutionEnvironment& set_global_job_parameters(const Parameters& parameters);
  /// What is set, here or by the submission; empty when nothing is.
  std::string_view get(std::string_view key) const;

  /// The records of a source: an object of a class that derives from Source<T>.
  template <class S>
  auto from_source(S source) {
    static_assert(
        requires { typename S::Record; },
        "weir: from_source() takes an object of a class that derives from weir::Source<T>");
    if constexpr (requires { typename S::Record; }) {
      using T = typename S::Record;
      if constexpr (detail::CheckType<T>::kFits) {
        auto kept = std::make_shared<const S>(std::move(source));
        OperatorNode& node = detail::add_operator(*graph_, OperatorRole::source, "Source", kept->name(), {});
        node.bounded = kept->bounded();
        node.outputs.push_back(detail::output_node<T>());
        if (kept->on_bad_record() == OnBadRecord::dead_letter)
          node.outputs.push_back(detail::output_node<BadRecord>("bad-records"));
        node.make_reader = [kept] { return kept->make_reader(); };
        return SingleOutput<T>(*graph_, node.id, nullptr);
      } else {
        return detail::BrokenStream();
      }
    } else {
      return detail::BrokenStream();
    }
  }

  /// The values, in order; one subtask unless set_parallelism says otherwise. For tests and small tables.
  template <class T>
  SingleOutput<T> from_collection(std::vector<T> values) {
    auto stream = from_source(detail::CollectionSource<T>(std::move(values)));
    stream.set_parallelism(1);
    return stream;
  }
  template <class T>
  SingleOutput<T> from_collection(std::initializer_list<T> values) {
    return from_collection(std::vector<T>(values));
  }

  StreamGraph& graph() { return *graph_; }
  /// The graph; the environment is then empty.
  StreamGraph take_graph();

 private:
  std::unique_ptr<StreamGraph> graph_;
  std::map<std::string, std::string, std::less<>> configuration_;
};

}  // namespace weir
