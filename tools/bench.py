#!/usr/bin/env python3
"""Runs benchmarks and prints one line per measure.

usage: bench.py BUILD_DIR [NAME..] [--json] [--peer DIR [JOB..]] [--runs N] [--scale X]
"""
import argparse
import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIELDS = ("name", "value", "unit", "per_core", "target", "limit", "ratio", "better", "detail")


def benchmarks(build):
    """name -> command; programs are what tests/bench/meson.build lists."""
    listed = subprocess.run(["meson", "introspect", "--targets", build], capture_output=True, text=True, check=True)
    folder = os.path.join(TOP, "tests", "bench")
    found = {name: [sys.executable, os.path.join(folder, name + ".py")] for name in ("cluster_jobs", "compile_template", "daemons")}
    for target in json.loads(listed.stdout):
        if target["type"] == "executable" and os.path.dirname(target["defined_in"]) == folder:
            found[target["name"]] = [target["filename"][0]]
    return found


def main():
    parser = argparse.ArgumentParser(prog="tools/dev bench", description="Runs benchmarks and prints one line per measure.")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line per measure")
    parser.add_argument("--peer", metavar="DIR", help="run the jobs of cluster_jobs (all, or those named) beside those of the engine in DIR")
    parser.add_argument("--runs", type=int, help="measured runs of each job of cluster_jobs")
    parser.add_argument("--scale", type=float, help="part of the records of each job of cluster_jobs")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args(sys.argv[2:])
    build = sys.argv[1]
    known = benchmarks(build)
    for_jobs = [word for name in ("runs", "scale") if getattr(options, name) for word in ("--" + name, str(getattr(options, name)))]
    if options.peer:
        commands = {"cluster_jobs": [*known["cluster_jobs"], "--peer", os.path.abspath(options.peer), *options.names]}
    else:
        unknown = [name for name in options.names if name not in known]
        if unknown:
            sys.exit(f"bench: no benchmark {unknown[0]}; there are: {', '.join(sorted(known))}")
        commands = {name: known[name] for name in options.names or sorted(known)}
    environment = {**os.environ, "WEIR_TEST_DIST": os.path.join(build, "dist"), "WEIR_TEST_JOBS": os.path.join(build, "tests", "process", "jobs"),
                   "WEIR_CORE_HANDOVER": known["core_handover"][0]}
    status = 0
    for name, command in commands.items():
        with subprocess.Popen([*command, "--json", *(for_jobs if name == "cluster_jobs" else [])], stdout=subprocess.PIPE, text=True, env=environment) as run:
            for line in run.stdout:
                show(line.rstrip("\n"), options.json)
        if run.returncode:
            print(f"bench: {name} ended with {run.returncode}", file=sys.stderr)
            status = 1
    return status


def show(line, as_json):
    if as_json:
        print(line, flush=True)
        return
    measure = json.loads(line)
    print("  ".join(f"{field}={measure[field]}" for field in FIELDS if measure.get(field) is not None), flush=True)


if __name__ == "__main__":
    sys.exit(main())
