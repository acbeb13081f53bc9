#!/usr/bin/env python3
"""Start-up time and idle memory of real daemons, as measures.

usage: daemons.py [--json]      (WEIR_TEST_DIST names the distribution)
The limit of a start is what the machine needs to start /bin/true and see it end; of memory, the resident size of a process that
only has the same shared libraries mapped is not measured: memory has no limit, only a target.
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
    measures = [
        measure("jobmanager_start", statistics.median(starts["jobmanager"]), "ms", 200, true_ms, "lower"),
        measure("taskmanager_start", statistics.median(starts["taskmanager"]), "ms", 200, true_ms, "lower"),
        measure("cluster_start_to_slots", statistics.median(whole), "ms", 500, true_ms, "lower"),
        measure("jobmanager_idle_memory", max(memory["jobmanager"]), "MB", 60, None, "lower"),
        measure("taskmanager_idle_memory", max(memory["taskmanager"]), "MB", 40, None, "lower"),
    ]
    for one in measures:
        if "--json" in sys.argv[1:]:
            print(json.dumps(one))
        else:
            print("  ".join(f"{key}={value}" for key, value in one.items() if value is not None))


if __name__ == "__main__":
    main()
