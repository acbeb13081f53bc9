#!/usr/bin/env python3
"""The jobs of examples/bench_jobs on a real cluster, through `weir run`, and with --peer another engine's beside them.

usage: cluster_jobs.py [--json] [--peer DIR] [--runs N] [--scale X] [JOB..]      (WEIR_TEST_DIST names the distribution)

One TaskManager with two slots; jobs that end in _tcp: two TaskManagers with one slot each. Every job runs once with a fifth of its
records and a digest of every output row, then --runs times measured; every run's rows and sum must be those of a plain fold, or the
benchmark fails. A figure is the median run's million records per CPU second of the TaskManagers' processes, from before the
submission to the end of the last worker. docs/performance.md says what a peer's folder must hold.
"""
import argparse
import contextlib
import dataclasses
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
import cpu_time  # noqa: E402
from peer_recipe import Peer, PeerFailed  # noqa: E402
from weir_cluster import Cluster, dist, wait_for  # noqa: E402

PARALLELISM = 2
LATENCY_SECONDS = 25  # of which the first five are not counted
OPTIONS = {"taskmanager.memory.process.size": "2g"}
# Memory of the peer's TaskManager. A competent user gives a JVM plenty.
PEER_LAYOUT = {1: "10g", 2: "5g"}


@dataclasses.dataclass(frozen=True)
class Job:
    name: str
    entry: str
    records: int
    peer_records: int
    aim: float             # million records per CPU second
    task_managers: int = 1
    peer_entry: str = ""
    aim_over_peer: float = 30


MILLION = 1_000_000
JOBS = [
    Job("pass", "pass", 300 * MILLION, 400 * MILLION, 140, aim_over_peer=3),
    Job("filter_project", "filter_project", 300 * MILLION, 400 * MILLION, 130, aim_over_peer=3),
    Job("filter_project_pushed", "filter_project_pushed", 600 * MILLION, 400 * MILLION, 300, peer_entry="filter_project", aim_over_peer=3),
    Job("keyed_count_small", "keyed_count_small", 120 * MILLION, 30 * MILLION, 105),
    Job("keyed_count_bid", "keyed_count_bid", 40 * MILLION, 5 * MILLION, 40),
    Job("keyed_count_small_tcp", "keyed_count_small", 80 * MILLION, 30 * MILLION, 60, task_managers=2),
    Job("keyed_count_bid_tcp", "keyed_count_bid", 30 * MILLION, 5 * MILLION, 28, task_managers=2),
    # Records: of the run that finds the best rate.
    Job("latency", "latency", 40 * MILLION, 20 * MILLION, 0),
    Job("latency_tcp", "latency", 40 * MILLION, 20 * MILLION, 0, task_managers=2),
]
LATENCY_AIMS_US = {"latency": (50, 200, 500), "latency_tcp": (100, 300, 1000)}
QUANTILES = ("p50", "p99", "p99.9")


class Wrong(Exception):
    """A run that failed, or whose output is not that of the plain fold."""


def example(name):
    return os.path.join(dist(), "examples", name)


def handover_us():
    """How far apart the cores are: microseconds in which 32 KiB go from one to the other. On a virtual machine that changes, and
    with it every figure of a job with an exchange. None when the program that measures it was not named."""
    program = os.environ.get("WEIR_CORE_HANDOVER")
    if not program:
        return None
    return json.loads(subprocess.run([program, "--json"], capture_output=True, text=True, timeout=60, check=True).stdout)["value"]


folds = {}


def fold(entry, records, digests=False):
    """-> (rows, sum, CPU seconds) of the same computation without an engine"""
    key = entry, records, digests
    if key not in folds:
        words = [example("bench_jobs_fold"), entry, str(records), *(["--digests"] if digests else [])]
        run = subprocess.run(words, capture_output=True, text=True, timeout=1800, check=True)
        rows, total, seconds = run.stdout.split()
        folds[key] = int(rows), int(total), float(seconds)
    return folds[key]


@dataclasses.dataclass
class Run:
    records: int
    wall_s: float       # the JobManager's run time of the job
    cpu_s: float        # of the TaskManagers and the workers that they had
    jm_cpu_s: float     # of the JobManager and its planners
    other_cores: float  # what the rest of the machine used meanwhile
    handover_us: float | None = None  # the larger of before and after

    @property
    def per_core(self):
        return self.records / self.cpu_s / MILLION

    def short(self):
        return f"{self.per_core:.3g}" + ("" if self.handover_us is None else f" ({self.handover_us:.0f} us)")

    def detail(self):
        return (f"{self.records / MILLION:g} M records, wall {self.wall_s:.2f} s, CPU {self.cpu_s:.2f} s, JobManager {self.jm_cpu_s:.2f} s, "
                f"others' cores {self.other_cores:.2f}")


class Ours:
    """A cluster of daemons of the distribution."""

    def __init__(self, task_managers):
        self.cluster = Cluster(task_managers=task_managers, slots=PARALLELISM // task_managers, options=OPTIONS)

    def __enter__(self):
        self.cluster.__enter__()
        return self

    def __exit__(self, *error):
        self.cluster.__exit__(*error)

    def run(self, entry, records, digests=False, **options):
        """-> (Run, numbers of each subtask's result line after rows and sum)"""
        result = os.path.join(self.cluster.directory, "result")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(result)
        words = ["-c", entry, "-p", str(PARALLELISM), example("bench_jobs.so"), "--records", str(records), "--result", result]
        for name, value in options.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        workers = [daemon.process.pid for daemon in self.cluster.task_managers]
        manager = [self.cluster.job_manager.process.pid]
        before = cpu_time.of_processes(workers), cpu_time.of_processes(manager), cpu_time.of_machine(), cpu_time.of_processes([os.getpid()]), time.monotonic()
        code, out, errors = self.cluster.run(*words, *(["--digests"] if digests else []), deadline=900)
        if code:
            raise Wrong(f"{entry}: weir run ended with {code}: {errors.strip()[-2000:]}")
        # CPU seconds of a worker are its TaskManager's once that has waited for it.
        wait_for(lambda: not any(daemon.children() for daemon in self.cluster.task_managers), "the workers' end", 30)
        after = cpu_time.of_processes(workers), cpu_time.of_processes(manager), cpu_time.of_machine(), cpu_time.of_processes([os.getpid()]), time.monotonic()
        cpu_s, jm_cpu_s, machine_s, own_s, elapsed_s = (b - a for a, b in zip(before, after))
        runtime = re.search(r"^Job Runtime: (\d+) ms$", out, re.M)
        rest = self.check(result, entry, records, digests)
        wall_s = int(runtime.group(1)) / 1000
        return Run(records, wall_s, max(cpu_s, 0.01), jm_cpu_s, max(0, machine_s - cpu_s - jm_cpu_s - own_s) / elapsed_s), rest

    @staticmethod
    def check(result, entry, records, digests):
        with open(result, encoding="ascii") as lines:
            subtasks = [[int(word) for word in line.split()] for line in lines]
        rows, total = sum(numbers[0] for numbers in subtasks), sum(numbers[1] for numbers in subtasks) % 2**64
        wanted = fold(entry, records, digests)
        if len(subtasks) != PARALLELISM or (rows, total) != wanted[:2]:
            raise Wrong(f"{entry}: a wrong answer: {rows} rows and sum {total} from {len(subtasks)} subtasks, a plain fold has {wanted[0]} rows and sum {wanted[1]}")
        return [numbers[2:] for numbers in subtasks]


class Bench:
    def __init__(self, options):
        self.options = options
        self.ratios = []
        self.peer_runs = {}

    def scaled(self, records):
        return max(1000, int(records * self.options.scale))

    def print(self, name, value, unit, target=None, limit=None, better="higher", detail=None):
        ratio = None if not limit else round(value / limit if better == "higher" else limit / value, 3)
        line = {"name": name, "value": float(f"{value:.4g}"), "unit": unit, "per_core": None, "target": target,
                "limit": None if not limit else float(f"{limit:.4g}"), "ratio": ratio, "better": better, "detail": detail}
        if self.options.json:
            print(json.dumps(line), flush=True)
        else:
            print("  ".join(f"{key}={value}" for key, value in line.items() if value is not None), flush=True)

    def throughput(self, job, ours, peer):
        records = self.scaled(job.records)
        seconds = fold(job.entry, records)[2]  # before the measured runs, not between them
        ours.run(job.entry, max(1000, records // 5), digests=True)
        runs = []
        for _ in range(self.options.runs):
            before = handover_us()
            run = ours.run(job.entry, records)[0]
            runs.append(dataclasses.replace(run, handover_us=None if before is None else max(before, handover_us())))
        run = sorted(runs, key=lambda run: run.per_core)[len(runs) // 2]
        spread = "; every run (cores' handover): " + ", ".join(r.short() for r in runs)
        self.print(job.name, run.per_core, "M records/CPU s", job.aim, records / max(seconds, 0.001) / MILLION, detail=run.detail() + spread)
        if not peer:
            return
        other = self.peer_run(job, peer)
        ratio = run.per_core / other.per_core
        if not job.peer_entry:  # another way to the same result counts once
            self.ratios.append(ratio)
        self.print(f"{job.name}, core-seconds of {peer.name} over ours", ratio, "x", job.aim_over_peer)

    def peer_run(self, job, peer):
        """The median of the peer's runs; those of a job that has run before stand for it again."""
        key = job.peer_entry or job.entry, job.task_managers
        if key not in self.peer_runs:
            count = self.scaled(job.peer_records)
            lines = peer.run(key[0], count, self.options.runs, count // 5)
            seen = "count of records read compared" if peer.check_counts(self.options.runs, count) else "its output is not visible"
            runs = [Run(count, line["wall_s"], line["cpu_s"], line["jm_cpu_s"], line["other_cores"]) for line in lines]
            self.peer_runs[key] = sorted(runs, key=lambda run: run.per_core)[len(runs) // 2]
            self.print(f"{job.name}, {peer.name}", self.peer_runs[key].per_core, "M records/CPU s",
                       detail=f"{self.peer_runs[key].detail()}; every run: {', '.join(run.short() for run in runs)}; {seen}")
        return self.peer_runs[key]

    def timed(self, name, ours, rate, aims):
        records = int(rate * LATENCY_SECONDS * self.options.scale)
        run, subtasks = ours.run("latency", records, rate=rate, skip_ms=int(5000 * self.options.scale))
        self.print_times(name, rate, [numbers[1:] for numbers in subtasks], 1000, aims, run.detail())

    def print_times(self, name, rate, subtasks, ns_divisor, aims, detail):
        """As the peer does it: of each quantile the subtask with the largest."""
        for at, (quantile, aim) in enumerate(zip(QUANTILES, aims)):
            self.print(f"{name} {quantile}", max(numbers[at] for numbers in subtasks) / ns_divisor, "us", aim, better="lower",
                       detail=f"{rate / MILLION:.2f} M records/s, {detail}")

    def latency(self, job, ours, peer):
        records = self.scaled(job.records)
        fold("latency", records)
        best, _ = ours.run("latency", records, skip_ms=0)
        rate = records / best.wall_s / 2
        fold("latency", int(rate * LATENCY_SECONDS * self.options.scale))
        self.timed(job.name, ours, rate, LATENCY_AIMS_US[job.name])
        if not peer:
            return
        out = os.path.join(peer.directory, "latency")
        count = self.scaled(job.peer_records)
        best = peer.run("latency", count, 1, count // 5, out_file=out, skip_ms=0)[0]
        their_rate = int(count / best["wall_s"] / 2)
        fold("latency", int(their_rate * LATENCY_SECONDS * self.options.scale))
        self.timed(f"{job.name} at {peer.name}'s rate", ours, their_rate, (None, None, None))
        os.unlink(out)
        line = peer.run("latency", int(their_rate * LATENCY_SECONDS * self.options.scale), 1, int(their_rate * 5 * self.options.scale), rate=their_rate,
                        buffer_timeout="1 ms", out_file=out, skip_ms=int(5000 * self.options.scale))[0]
        with open(out, encoding="ascii") as found:
            subtasks = [[float(word) for word in text.split()][2:] for text in found][-PARALLELISM:]
        self.print_times(f"{job.name}, {peer.name}, buffer timeout 1 ms", their_rate, subtasks, 1, (None, None, None), f"CPU {line['cpu_s']:.2f} s")

    def run(self):
        chosen = [job for job in JOBS if not self.options.jobs or job.name in self.options.jobs]
        for task_managers in (1, 2):
            jobs = [job for job in chosen if job.task_managers == task_managers]
            if not jobs:
                continue
            with contextlib.ExitStack() as clusters:
                peer = None
                if self.options.peer:
                    peer = clusters.enter_context(Peer(self.options.peer, task_managers, PARALLELISM // task_managers, PEER_LAYOUT[task_managers]))
                ours = clusters.enter_context(Ours(task_managers))
                for job in jobs:
                    (self.latency if job.entry == "latency" else self.throughput)(job, ours, peer)
        if len(self.ratios) > 1:
            self.print("core-seconds of the peer over ours, geometric mean", math.exp(statistics.fmean(map(math.log, self.ratios))), "x", 15,
                       detail=f"{len(self.ratios)} jobs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peer", metavar="DIR")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1, help="of the records of every run")
    parser.add_argument("jobs", nargs="*", metavar="JOB")
    options = parser.parse_args()
    unknown = set(options.jobs) - {job.name for job in JOBS}
    if unknown:
        parser.error(f"no job {sorted(unknown)[0]}; there are: {', '.join(job.name for job in JOBS)}")
    if options.runs < 1 or not 0 < options.scale <= 100:
        parser.error("--runs wants 1 or more, --scale a number above 0 and at most 100")
    try:
        Bench(options).run()
    except (Wrong, PeerFailed) as error:
        sys.exit(f"cluster_jobs: {error}")


if __name__ == "__main__":
    main()
