#!/usr/bin/env python3
"""clang-tidy over the engine's folders, with the checks of .clang-tidy. Called by `tools/dev check --tidy`.

usage: clang_tidy.py BUILD [PATH..]

BUILD is a configured build folder whose generated headers exist. A PATH, a file or a folder, narrows the run.
Job-side templates (api, connectors, examples) are checked by g++ alone. Exits 1 when there is a finding.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOMS = ("common", "jobmanager", "taskmanager")
# What only g++ knows, and what clang would warn of in g++'s place.
GCC_ONLY = re.compile(r"^(-fno-gnu-unique|-W.*|-fcf-protection|-M[A-Z]+|-D_FORTIFY_SOURCE=.*|-g\d?)$")
TAKES_A_VALUE = {"-MQ", "-MF", "-o"}


def clang_arguments(command):
    """The command line of one source as clang takes it: no wrapper before the compiler, no flag of g++'s own."""
    words = shlex.split(command)
    first = next(at for at, word in enumerate(words) if word.startswith("-"))
    kept = ["clang++"]
    skip = False
    for word in words[first:]:
        if skip:
            skip = False
        elif word in TAKES_A_VALUE:
            skip = True
        elif word == "-I/usr/include":
            continue  # would make the system's headers ours
        elif not GCC_ONLY.match(word):
            kept.append(word)
    return kept


def selected(top, build, wanted):
    """One entry per source of the engine's rooms, in the order of their paths; of those below `wanted` when it names any."""
    entries = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = (build / entry["file"]).resolve()
        if not source.is_relative_to(top):
            continue
        name = source.relative_to(top)
        if name.parts[0] not in ROOMS or not source.is_file():
            continue
        if wanted and not any(name == path or path in name.parents for path in wanted):
            continue
        entries[str(name)] = {"directory": entry["directory"], "file": str(source), "arguments": clang_arguments(entry["command"])}
    return dict(sorted(entries.items()))


FINDING = re.compile(r"^(/?[^:\n]+):\d+:\d+: (warning|error): ")


def ours(output, top):
    """The findings, each with its notes, that lie in our files. The analyzer follows coroutines into Asio and is wrong there."""
    kept = []
    keep = False
    for line in output.splitlines():
        found = FINDING.match(line)
        if found:
            keep = (top / "build" / found[1]).resolve().is_relative_to(top)
        if keep:
            kept.append(line.replace(str(top) + "/", "").replace("build/../", "").replace("../", "", 1))
    return "\n".join(kept)


def run(name, entry, database, top):
    done = subprocess.run(
        ["clang-tidy", "-p", database, "--quiet", "--warnings-as-errors=*", entry["file"]],
        cwd=top, capture_output=True, text=True, check=False)
    findings = ours(done.stdout, top)
    if done.returncode != 0 and not done.stdout:
        findings = done.stderr.strip() or f"clang-tidy ended with {done.returncode}"
    return name, findings


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    top = Path(__file__).resolve().parent.parent
    build = Path(sys.argv[1]).resolve()
    wanted = [Path(os.path.normpath(path)) for path in sys.argv[2:]]
    entries = selected(top, build, wanted)
    if not entries:
        sys.exit(f"clang_tidy.py: no source of {', '.join(ROOMS)} is below {', '.join(map(str, wanted)) or top}")
    bad = 0
    with tempfile.TemporaryDirectory() as database:
        Path(database, "compile_commands.json").write_text(json.dumps(list(entries.values())))
        with ThreadPoolExecutor(int(os.environ.get("WEIR_TIDY_JOBS", os.cpu_count() or 1))) as pool:
            for name, findings in pool.map(lambda item: run(*item, database, top), entries.items()):
                if findings:
                    bad += 1
                    print(f"{name}:\n{findings}\n", flush=True)
    print(f"clang-tidy: {len(entries)} files, {bad} with findings")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
