#!/usr/bin/env python3
"""Prints the closing line of a test run: test cases of doctest binaries, other tests as one each.

usage: test_summary.py TESTLOG.JSON [REPORTS]
REPORTS is a folder of what sanitizers reported, of whichever process; each kind of report is a failure.
What was skipped is named with its reason. Exit code 1 when anything failed or nothing ran.
"""
import glob
import json
import os
import re
import sys

UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(OK|FAILED)(?: \((.*)\))?", re.M)
CASES = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed")
# What a doctest binary (tests/support/sanitizer.h) and a Python test say about a case that they leave out.
SKIPPED = re.compile(r"^(?:skipped: (.*)|(\w+) \(.*\) \.\.\. skipped '(.*)')$", re.M)


def sanitizer_reports(folder):
    """-> {summary: file}, one file for each kind of report"""
    reports = {}
    for path in sorted(glob.glob(os.path.join(folder, "*"))):
        with open(path, encoding="utf-8", errors="replace") as report:
            text = report.read()
        for summary in re.findall(r"^SUMMARY: (.*)$", text, re.M) or ([text.strip().split("\n")[0]] if text.strip() else []):
            reports.setdefault(summary, path)
    return reports


def main(path, reports=None):
    passed = failed = skipped = 0
    names = []
    with open(path, encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            found = CASES.search(re.sub(r"\x1b\[[0-9;]*m", "", test.get("stdout") or ""))
            ok = test["result"] in ("OK", "EXPECTEDFAIL")
            for case, method, reason in SKIPPED.findall((test.get("stdout") or "") + "\n" + (test.get("stderr") or "")):
                skipped += bool(case)
                print("skipped:", case or f'{test["name"]}.{method}: {reason}')
            if test["result"] == "SKIP":
                skipped += 1
                continue
            if found:
                passed += int(found[1])
                failed += max(int(found[2]), 0 if ok else 1)
            elif (ran := UNITTEST.search((test.get("stderr") or "") + (test.get("stdout") or ""))):
                counts = dict(re.findall(r"(\w+)=(\d+)", ran[3] or ""))
                bad = int(counts.get("failures", 0)) + int(counts.get("errors", 0))
                bad = max(bad, 0 if ok else 1)
                skipped += int(counts.get("skipped", 0))
                failed += bad
                passed += max(int(ran[1]) - bad - int(counts.get("skipped", 0)), 0)
            else:
                passed += ok
                failed += not ok
            if not ok:
                names.append(f'{test["name"]} ({test["result"].lower()})')
    for name in names:
        print("failed:", name)
    for summary, report in sanitizer_reports(reports).items() if reports else ():
        failed += 1
        print(f"sanitizer: {summary} (report: {report})")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
