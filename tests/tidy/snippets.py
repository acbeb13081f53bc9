#!/usr/bin/env python3
"""Compiles the C++ of a document: its ```cpp blocks, in order, as one source.

usage: snippets.py PAGE.md COMPILER..
What a reader need not see stands in comments of the page, `<!-- cpp` to `-->`, and is compiled at that place.
"""
import re
import subprocess
import sys

PART = re.compile(r"<!-- cpp\n(?P<hidden>.*?)-->|```cpp\n(?P<shown>.*?)```", re.S)


def source_of(page):
    """The code of a page, each part under the line where it stands."""
    parts = []
    for part in PART.finditer(page):
        group = "hidden" if part["hidden"] is not None else "shown"
        line = page.count("\n", 0, part.start(group)) + 1
        parts.append(f'#line {line}\n{part[group]}')
    return "".join(parts)


def main(path, compiler):
    with open(path, encoding="utf-8") as file:
        source = source_of(file.read())
    if not source:
        sys.exit(f"{path}: holds no C++")
    run = subprocess.run([*compiler, "-fsyntax-only", "-fdiagnostics-color=never", "-x", "c++", "-"], input=source, capture_output=True,
                         text=True, timeout=120, check=False)
    if run.returncode:
        sys.exit(run.stderr.replace("<stdin>", path)[:4000])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
