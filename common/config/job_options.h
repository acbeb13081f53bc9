// Options of a job: taken from the JobManager's file, then from the submission; stored with the job and sent to
// workers.
#pragma once

#include "common/config/option.h"

namespace weir::config {

enum class RuntimeMode { streaming, batch, automatic };
template <>
struct EnumNames<RuntimeMode> {
  static constexpr std::pair<std::string_view, RuntimeMode> kAll[] = {
      {"STREAMING", RuntimeMode::streaming}, {"BATCH", RuntimeMode::batch}, {"AUTOMATIC", RuntimeMode::automatic}};
};

enum class ExchangeCompression { none, lz4 };
template <>
struct EnumNames<ExchangeCompression> {
  static constexpr std::pair<std::string_view, ExchangeCompression> kAll[] = {{"NONE", ExchangeCompression::none},
                                                                              {"LZ4", ExchangeCompression::lz4}};
};

enum class RestartStrategy { none, fixed_delay, failure_rate, exponential_delay };
template <>
struct EnumNames<RestartStrategy> {
  static constexpr std::pair<std::string_view, RestartStrategy> kAll[] = {
      {"none", RestartStrategy::none},
      {"off", RestartStrategy::none},
      {"disable", RestartStrategy::none},
      {"fixed-delay", RestartStrategy::fixed_delay},
      {"fixeddelay", RestartStrategy::fixed_delay},
      {"failure-rate", RestartStrategy::failure_rate},
      {"failurerate", RestartStrategy::failure_rate},
      {"exponential-delay", RestartStrategy::exponential_delay},
      {"exponentialdelay", RestartStrategy::exponential_delay}};
};

enum class FailoverStrategy { region, full };
template <>
struct EnumNames<FailoverStrategy> {
  static constexpr std::pair<std::string_view, FailoverStrategy> kAll[] = {{"region", FailoverStrategy::region},
                                                                           {"full", FailoverStrategy::full}};
};

inline constexpr Option<int> kParallelismDefault{{.key = "parallelism.default",
                                                  .fallback = "1",
                                                  .about = "The parallelism of operators that set none.",
                                                  .least = "1",
                                                  .most = "32768"}};
inline constexpr Option<std::string> kPipelineName{
    {.key = "pipeline.name", .about = "The name of the job. Not set: the entry's name."}};
inline constexpr Option<int> kPipelineMaxParallelism{
    {.key = "pipeline.max-parallelism",
     .fallback = "-1",
     .about = "The number of key groups, which bounds the parallelism for the life of the job's state. -1: from the "
              "parallelism, by Flink's formula.",
     .least = "-1",
     .most = "32768"}};
inline constexpr Option<bool> kPipelineOperatorChaining{{.key = "pipeline.operator-chaining.enabled",
                                                         .fallback = "true",
                                                         .about = "Whether neighbouring operators run as one task.",
                                                         .old_keys = {"pipeline.operator-chaining"}}};
inline constexpr Option<Map> kPipelineGlobalJobParameters{
    {.key = "pipeline.global-job-parameters",
     .about = "Values for user code, shown with the job as its user-config; a function reads one as the setting "
              "pipeline.global-job-parameters.NAME."}};
inline constexpr Option<Duration> kBufferTimeout{
    {.key = "execution.buffer-timeout.interval",
     .fallback = "1 ms",
     .about =
         "How long a block that is not full may wait before it is sent to another machine. 0 sends after every batch.",
     .flink = "100 ms",
     .because = "a slot sends what it has when it runs out of input, so waiting longer gains nothing",
     .old_keys = {"execution.buffer-timeout"}}};
inline constexpr Option<bool> kBufferTimeoutEnabled{
    {.key = "execution.buffer-timeout.enabled", .fallback = "true", .about = "false sends only full blocks."}};
inline constexpr Option<ExchangeCompression> kExchangeCompression{
    {.key = "pipeline.exchange.compression",
     .fallback = "NONE",
     .about = "LZ4 makes blocks smaller that go to another machine, for networks that are slower than the cores."}};
inline constexpr Option<RuntimeMode> kRuntimeMode{
    {.key = "execution.runtime-mode",
     .fallback = "STREAMING",
     .about = "BATCH takes only sources that have an end, and a reduce then emits the last value of each key alone. "
              "AUTOMATIC is BATCH when all "
              "sources have an end, else STREAMING."}};
inline constexpr Option<FailoverStrategy> kFailoverStrategy{
    {.key = "jobmanager.execution.failover-strategy",
     .fallback = "region",
     .about = "What restarts after a failure: the tasks connected with the failed one, or the whole job.",
     .inert = true}};
inline constexpr Option<RestartStrategy> kRestartStrategy{
    {.key = "restart-strategy.type",
     .about = "What happens when a task fails. Not set: the job fails.",
     .old_keys = {"restart-strategy"},
     .inert = true}};
inline constexpr Option<int> kRestartFixedDelayAttempts{{.key = "restart-strategy.fixed-delay.attempts",
                                                         .fallback = "1",
                                                         .about = "How many restarts before the job fails.",
                                                         .least = "0",
                                                         .inert = true}};
inline constexpr Option<Duration> kRestartFixedDelayDelay{{.key = "restart-strategy.fixed-delay.delay",
                                                           .fallback = "1 s",
                                                           .about = "The pause before each restart.",
                                                           .inert = true}};
inline constexpr Option<int> kRestartFailureRateMax{
    {.key = "restart-strategy.failure-rate.max-failures-per-interval",
     .fallback = "1",
     .about = "The job fails when more failures than this fall into one interval.",
     .least = "0",
     .inert = true}};
inline constexpr Option<Duration> kRestartFailureRateInterval{
    {.key = "restart-strategy.failure-rate.failure-rate-interval",
     .fallback = "1 min",
     .about = "The interval in which failures are counted.",
     .least = "1 ms",
     .inert = true}};
inline constexpr Option<Duration> kRestartFailureRateDelay{{.key = "restart-strategy.failure-rate.delay",
                                                            .fallback = "1 s",
                                                            .about = "The pause before each restart.",
                                                            .inert = true}};
inline constexpr Option<Duration> kRestartExponentialInitial{
    {.key = "restart-strategy.exponential-delay.initial-backoff",
     .fallback = "1 s",
     .about = "The first pause.",
     .least = "1 ms",
     .inert = true}};
inline constexpr Option<Duration> kRestartExponentialMax{{.key = "restart-strategy.exponential-delay.max-backoff",
                                                          .fallback = "1 min",
                                                          .about = "The longest pause.",
                                                          .least = "1 ms",
                                                          .inert = true}};
inline constexpr Option<double> kRestartExponentialMultiplier{
    {.key = "restart-strategy.exponential-delay.backoff-multiplier",
     .fallback = "1.5",
     .about = "What each pause is multiplied by.",
     .least = "1",
     .inert = true}};
inline constexpr Option<double> kRestartExponentialJitter{{.key = "restart-strategy.exponential-delay.jitter-factor",
                                                           .fallback = "0.1",
                                                           .about = "The part of a pause that is random, up or down.",
                                                           .least = "0",
                                                           .most = "1",
                                                           .inert = true}};
inline constexpr Option<Duration> kRestartExponentialReset{
    {.key = "restart-strategy.exponential-delay.reset-backoff-threshold",
     .fallback = "1 h",
     .about = "After so long without a failure the next pause is the first again.",
     .least = "1 ms",
     .inert = true}};
inline constexpr Option<int> kRestartExponentialAttempts{
    {.key = "restart-strategy.exponential-delay.attempts-before-reset-backoff",
     .about = "How many restarts before the job fails. Not set: without end.",
     .least = "0",
     .inert = true}};

}  // namespace weir::config
