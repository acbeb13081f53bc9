#!/usr/bin/env python3
"""How long the compiler takes for the job that `weir new` writes, as measures.

usage: compile_template.py [--json]      (WEIR_TEST_DIST names the distribution)
CPU seconds of the compiler, which works on one core: the best of some rounds. The limit is what it takes for the standard headers alone that
the job and Weir's headers include.
"""
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile

ROUNDS = 5
CHECK = ["-O0", "-fsyntax-only"]
OPTIMISED = ["-O2", "-c", "-o", "/dev/null"]


def cpu_seconds(command, **options):
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    best = None
    for _ in range(ROUNDS):
        begin = used()
        subprocess.run(command, check=True, timeout=120, **options)
        took = used() - begin
        best = took if best is None else min(best, took)
    return best


def standard_headers(command, source):
    """A translation unit with the standard headers that this one includes by name, itself or through Weir's."""
    listed = subprocess.run([*command, "-H", "-fsyntax-only", source], check=True, capture_output=True, text=True, timeout=120).stderr
    names = sorted({match.group(1) for match in re.finditer(r"^\.+ /usr/include/c\+\+/\d+/([a-z_]+)$", listed, re.M)})
    return "".join(f"#include <{name}>\n" for name in names)


def measure(name, value, target, limit):
    return {"name": name, "value": round(value, 2), "unit": "s", "per_core": None, "target": target, "limit": round(limit, 2),
            "ratio": round(limit / value, 3), "better": "lower"}


def main():
    dist = os.environ["WEIR_TEST_DIST"]
    environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(dist, "lib", "pkgconfig")}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.path.join(dist, "bin", "weir"), "new", os.path.join(folder, "first-job")], check=True, stdout=subprocess.DEVNULL, timeout=60)
        source = os.path.join(folder, "first-job", "src", "first-job.cc")
        flags = subprocess.run(["pkg-config", "--cflags", "weir", "weir-connectors"], check=True, capture_output=True, text=True,
                               env=environment).stdout
        command = [os.environ.get("CXX", "g++").split()[-1], *shlex.split(flags)]
        bare = os.path.join(folder, "bare.cc")
        with open(bare, "w", encoding="ascii") as file:
            file.write(standard_headers(command, source))
        measures = [
            measure("compile_template_check", cpu_seconds([*command, *CHECK, source]), 1.5, cpu_seconds([*command, *CHECK, bare])),
            measure("compile_template_optimised", cpu_seconds([*command, *OPTIMISED, source]), 4, cpu_seconds([*command, *OPTIMISED, bare])),
        ]
    for one in measures:
        if "--json" in sys.argv[1:]:
            print(json.dumps(one))
        else:
            print("  ".join(f"{key}={value}" for key, value in one.items() if value is not None))


if __name__ == "__main__":
    main()
