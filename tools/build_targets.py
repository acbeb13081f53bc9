#!/usr/bin/env python3
"""Prints what a selection of tests, or an installation of some tags, needs from the build.

usage: build_targets.py BUILD_DIR tests [--suite SUITE..] [--no-suite SUITE..] [NAME..]
       build_targets.py BUILD_DIR install TAG..

One line each: `target FILE` names a file that ninja has to make, `test NAME` a selected test, `suite NAME` a suite that
one of them belongs to. `tests` selects as `meson test` does, and a NAME may have wildcards, which meson 1.0 does not know. Tests of the suite "process" run a distribution, so they
need everything that is installed. Exit code 1, with a sentence, when a NAME selects no test.
"""
import argparse
import fnmatch
import json
import os
import subprocess
import sys


def introspect(build, what):
    run = subprocess.run(["meson", "introspect", build, what], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def suites_of(test):
    """Names of the suites without the project's: 'weir:unit' -> 'unit'."""
    return {suite.rpartition(":")[2] for suite in test["suite"]}


def in_suites(test, suites, without):
    return (not suites or suites_of(test) & set(suites)) and not suites_of(test) & set(without)


def select(tests, names):
    """-> (the tests that the names select, all without a name; names that select none)"""
    matches = lambda test, name: fnmatch.fnmatchcase(test["name"], name)
    selected = [test for test in tests if not names or any(matches(test, name) for name in names)]
    return selected, [name for name in names if not any(matches(test, name) for test in tests)]


def test_files(selected, targets):
    """Files that the selected tests need."""
    ids = {target for test in selected for target in test["depends"]}
    process = any("process" in suites_of(test) for test in selected)
    return [file for target in targets if target["id"] in ids or (process and target["installed"]) for file in target["filename"]]


def installed_files(plan, tags):
    """Built files that `meson install --tags` copies."""
    return [file for file, entry in plan.get("targets", {}).items() if entry["tag"] in tags]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("kind", choices=["tests", "install"])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--suite", action="append", default=[])
    parser.add_argument("--no-suite", action="append", default=[])
    arguments = parser.parse_intermixed_args()
    if arguments.kind == "install":
        files, suites = installed_files(introspect(arguments.build, "--install-plan"), arguments.names), set()
        selected = []
    else:
        tests = [t for t in introspect(arguments.build, "--tests") if in_suites(t, arguments.suite, arguments.no_suite)]
        selected, unknown = select(tests, arguments.names)
        if unknown:
            sys.exit(f"no test is named {', '.join(unknown)}. There are: {' '.join(sorted(t['name'] for t in tests))}")
        files = test_files(selected, introspect(arguments.build, "--targets"))
        suites = {suite for test in selected for suite in suites_of(test)}
    build = os.path.realpath(arguments.build)
    for file in sorted({os.path.relpath(os.path.realpath(file), build) for file in files}):
        print("target", file)
    for test in selected:
        print("test", test["name"])
    for suite in sorted(suites):
        print("suite", suite)


if __name__ == "__main__":
    main()
