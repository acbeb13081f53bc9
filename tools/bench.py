#!/usr/bin/env python3
"""Runs benchmarks and prints one line per measure.

usage: bench.py BUILD_DIR [NAME..] [--json]
"""
import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIELDS = ("name", "value", "unit", "per_core", "target", "limit", "ratio", "better")


def benchmarks(build):
    """name -> command; programs are what tests/bench/meson.build lists."""
    listed = subprocess.run(["meson", "introspect", "--targets", build], capture_output=True, text=True, check=True)
    folder = os.path.join(TOP, "tests", "bench")
    found = {"daemons": [sys.executable, os.path.join(folder, "daemons.py")]}
    for target in json.loads(listed.stdout):
        if target["type"] == "executable" and os.path.dirname(target["defined_in"]) == folder:
            found[target["name"]] = [target["filename"][0]]
    return found


def main():
    build, words = sys.argv[1], sys.argv[2:]
    as_json = "--json" in words
    known = benchmarks(build)
    names = [w for w in words if w != "--json"] or sorted(known)
    unknown = [n for n in names if n not in known]
    if unknown:
        sys.exit(f"bench: no benchmark {unknown[0]}; there are: {', '.join(sorted(known))}")
    environment = {**os.environ, "WEIR_TEST_DIST": os.path.join(build, "dist"), "WEIR_TEST_JOBS": os.path.join(build, "tests", "process", "jobs")}
    status = 0
    for name in names:
        run = subprocess.run([*known[name], "--json"], stdout=subprocess.PIPE, text=True, env=environment, check=False)
        if run.returncode:
            print(f"bench: {name} ended with {run.returncode}", file=sys.stderr)
            status = 1
        for line in run.stdout.splitlines():
            if as_json:
                print(line, flush=True)
                continue
            measure = json.loads(line)
            print("  ".join(f"{field}={measure[field]}" for field in FIELDS if measure.get(field) is not None), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
