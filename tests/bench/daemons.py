#!/usr/bin/env python3
"""Start-up time, idle memory and idle CPU of real daemons, as measures.

usage: daemons.py [--json]      (WEIR_TEST_DIST names the distribution)
The limit of a start is what the machine needs to start /bin/true and see it end; of memory, the resident size of a process that
only has the same shared libraries mapped is not measured: memory has no limit, only a target.
Idle CPU: a keyed job of four slots whose source has nothing to give, over ten seconds; the TaskManager and its worker, and the JobManager.
"""
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from weir_cluster import Cluster, wait_for  # noqa: E402

ROUNDS = 7
IDLE_SECONDS = 10


def milliseconds(action):
    start = time.perf_counter()
    result = action()
    return (time.perf_counter() - start) * 1000, result


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def cpu_seconds(pids):
    """Of all threads that live, to the nanosecond."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as stat:
                total += int(stat.read().split()[0])
    return total / 1e9


def idle_job_percent():
    """Of a core: (TaskManager and worker, JobManager)."""
    library = os.path.join(os.environ["WEIR_TEST_DIST"], "examples", "bench_jobs.so")
    with Cluster(task_managers=1, slots=4) as cluster:
        job = cluster.submit(library, "keyed_count_small", ["--records", "1000", "--rate", "0.001"], parallelism=4)
        cluster.wait_for_running_tasks(job)
        manager = cluster.task_managers[0]
        watched = ([manager.process.pid, *manager.children()], [cluster.job_manager.process.pid])
        begin = time.perf_counter()
        wait_for(lambda: time.perf_counter() - begin > 2, "two seconds of idling", 5)
        before, start = [cpu_seconds(pids) for pids in watched], time.perf_counter()
        wait_for(lambda: time.perf_counter() - start > IDLE_SECONDS, "idling", IDLE_SECONDS + 5)
        took = time.perf_counter() - start
        return [(cpu_seconds(pids) - cpu) / took * 100 for pids, cpu in zip(watched, before)]


def measure(name, value, unit, target, limit, better):
    return {"name": name, "value": round(value, 2), "unit": unit, "per_core": None, "target": target,
            "limit": None if limit is None else round(limit, 2),
            "ratio": None if not limit else round((limit / value if better == "lower" else value / limit), 3), "better": better}


def main():
    true_ms = statistics.median(milliseconds(lambda: subprocess.run(["/bin/true"], check=True))[0] for _ in range(ROUNDS))
    starts = {"jobmanager": [], "taskmanager": []}
    whole = []
    memory = {}
    for _ in range(ROUNDS):
        cluster = Cluster(task_managers=0)
        begin = time.perf_counter()
        with cluster:
            starts["jobmanager"].append((time.perf_counter() - begin) * 1000)
            took, manager = milliseconds(cluster.add_task_manager)
            starts["taskmanager"].append(took)
            cluster.wait_for_slots(2)
            whole.append((time.perf_counter() - begin) * 1000)
            # Idle: registered, and a few heartbeats old.
            wait_for(lambda b=begin: time.perf_counter() - b > 2, "two seconds of idling", 5)
            memory.setdefault("jobmanager", []).append(resident_mb(cluster.job_manager.process.pid))
            memory.setdefault("taskmanager", []).append(resident_mb(manager.process.pid))
    idle_workers, idle_job_manager = idle_job_percent()
    measures = [
        measure("jobmanager_start", statistics.median(starts["jobmanager"]), "ms", 200, true_ms, "lower"),
        measure("taskmanager_start", statistics.median(starts["taskmanager"]), "ms", 200, true_ms, "lower"),
        measure("cluster_start_to_slots", statistics.median(whole), "ms", 500, true_ms, "lower"),
        measure("jobmanager_idle_memory", max(memory["jobmanager"]), "MB", 60, None, "lower"),
        measure("taskmanager_idle_memory", max(memory["taskmanager"]), "MB", 40, None, "lower"),
        measure("idle_job_of_4_slots", idle_workers, "% of a core", 0.5, None, "lower"),
        measure("jobmanager_beside_idle_job", idle_job_manager, "% of a core", 0.5, None, "lower"),
    ]
    for one in measures:
        if "--json" in sys.argv[1:]:
            print(json.dumps(one))
        else:
            print("  ".join(f"{key}={value}" for key, value in one.items() if value is not None))


if __name__ == "__main__":
    main()
