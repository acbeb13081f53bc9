// Method numbers of the RPC between processes. A number is never used again for another meaning.
#pragma once

#include <cstdint>

namespace weir {

enum class Method : std::uint16_t {
  // TaskManager -> JobManager (proto/job_manager.proto)
  register_task_manager = 1,
  heartbeat = 2,
  task_status = 3,
  // anybody -> blob server
  blob_read = 20,
  // JobManager -> TaskManager (proto/task_manager.proto)
  deploy = 40,
  cancel_tasks = 41,
  end_job = 42,
  list_logs = 43,
  read_log = 44,
  // TaskManager -> worker (proto/worker.proto)
  start_worker = 60,
  deploy_tasks = 61,
  worker_cancel_tasks = 62,  // CancelTasksRequest
  collect_counters = 63,
  stop_worker = 64,
  // worker -> TaskManager
  worker_status = 80,
  worker_log = 81,
};

}  // namespace weir
