#!/usr/bin/env python3
"""The rules of the house as a test: layers, mutexes, co_await traps, dead files, documents that are listed.

usage: tidy.py SOURCE_ROOT [BUILD_DIR]
Prints one line per finding and exits 1 when there is any. With BUILD_DIR every header is also compiled alone.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

OURS = ("api/", "weir/", "proto/", "common/", "connectors/", "sql/", "jobmanager/", "taskmanager/", "testing/", "cli/", "examples/", "tests/")
# Modules that may hold a mutex: each says in its header what it guards.
MUTEX_MODULES = {line.strip() for line in open(os.path.join(os.path.dirname(__file__), "mutexes.txt"), encoding="utf-8")
                 if line.strip() and not line.startswith("#")}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
# What a signal handler shares with the thread it interrupts is volatile by rule.
SIGNAL_MODULES = {"taskmanager/crash/crash_handler"}
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|impl|misc|manager)\.(h|cc)$")
HEAVY = ("boost/beast", "google/protobuf", "rocksdb/", "librdkafka", ".pb.h")
findings = []


def find(path, text):
    findings.append(f"{path}: {text}")


def sources(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    return sorted(set(p for p in listed.stdout.split("\n") if p and os.path.exists(os.path.join(root, p))))


def read_layers(root):
    layers = {}
    with open(os.path.join(root, "tests/tidy/layers.txt"), encoding="utf-8") as table:
        for line in table:
            if line.strip() and not line.startswith("#"):
                folder, _, allowed = line.partition(":")
                layers[folder.strip()] = allowed.split()
    return layers


def check_layers(path, text, layers):
    if os.path.basename(path) == "main.cc" or not path.endswith((".h", ".cc")):
        return
    folder = max((f for f in layers if path.startswith(f + "/")), key=len, default=None)
    if folder is None:
        find(path, "lies in no folder of tests/tidy/layers.txt")
        return
    allowed = layers[folder]
    if "*" in allowed:
        return
    for _, included in INCLUDE.findall(text):
        if not included.startswith(OURS):
            continue
        if included.startswith(folder + "/"):
            continue
        if not any(included == a or included.startswith(a if a.endswith("/") else a + "/") for a in allowed):
            find(path, f"{folder} may not include {included}")


def strip_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)


def check_rules(path, text):
    code = strip_comments(text)
    module = os.path.splitext(path)[0]
    production = not path.startswith(("tests/", "testing/", "examples/"))
    if production and re.search(r"std::(recursive_|shared_)?mutex|std::condition_variable", code) and module not in MUTEX_MODULES:
        find(path, "holds a mutex but is not named in tests/tidy/mutexes.txt")
    if FORBIDDEN_NAMES.search(re.sub(r"(task|job)_manager", "", os.path.basename(path))):
        find(path, "has a name that attracts everything; name the thing")
    if path.endswith(".h"):
        if "#pragma once" not in text:
            find(path, "lacks #pragma once")
        for _, included in INCLUDE.findall(text):
            if production and any(word in included for word in HEAVY):
                find(path, f"a header may not include {included}: forward-declare, include it in the .cc")
    if production:
        for number, line in enumerate(code.split("\n"), 1):
            if re.search(r"\bvolatile\b", line) and "asm" not in line and module not in SIGNAL_MODULES:
                find(f"{path}:{number}", "volatile leaves a question about lifetime or order open")
            if "std::regex" in line or ".detach()" in line or "shared_from_this" in line:
                find(f"{path}:{number}", "std::regex, detached threads and shared_from_this are not for this tree")
            if re.search(r"#\s*define\s+(?!WEIR_|ENSURE|TRY|CO_TRY|LOG_|BOOST_|DOCTEST_|_GNU)", line):
                find(f"{path}:{number}", "a macro that is not one of ENSURE, TRY, CO_TRY, LOG_*, WEIR_*")
    check_coroutines(path, code)


def check_coroutines(path, code):
    """g++ 12 destroys some temporaries of a full expression with co_await twice."""
    for match in re.finditer(r"co_await\b", code):
        start = max(code.rfind(c, 0, match.start()) for c in ";{}") + 1
        end = code.find(";", match.start())
        expression = code[start:end]
        line = code.count("\n", 0, match.start()) + 1
        if re.search(r"\[[^\]\[]*[=&\w][^\]\[]*\]\s*(\([^)]*\))?\s*(mutable\s*)?(->[^{]+)?\{", expression):
            find(f"{path}:{line}", "a capturing lambda in one expression with co_await: name it on the line above")
        elif re.search(r"[\w>]\s*\{[^}]", expression) and not re.search(r"\b(if|while|for|switch)\s*\(", expression):
            find(f"{path}:{line}", "braces that make an object in one expression with co_await: name it on the line above")


def check_dead_files(files, texts):
    """Every source stands in a meson.build, every header is included by somebody."""
    builds = "\n".join(texts[p] for p in files if p.endswith("meson.build"))
    included = {name for p in files if p.endswith((".h", ".cc", ".inc")) for _, name in INCLUDE.findall(texts[p])}
    included |= {room + name for room in ("api/include/", "connectors/include/") for name in included if name.startswith("weir/")}
    templates = ("cli/templates/", "tests/compile_errors/")
    for path in files:
        if path.startswith(templates):
            continue
        # Fuzz targets are listed by their name alone.
        name = os.path.basename(path).removesuffix(".cc" if path.startswith("tests/fuzz/") else "")
        if path.endswith(".cc") and name not in builds:
            find(path, "is in no meson.build")
        if path.endswith(".h") and not path.startswith(("api/include/weir/", "connectors/weir/")) and path not in included:
            find(path, "is included by nobody")


def check_documents(files, texts):
    """Documents that docs/README.md does not list, links that lead nowhere."""
    index = texts.get("docs/README.md", "")
    for path in files:
        if path.startswith("docs/") and path.endswith(".md") and path != "docs/README.md":
            if path[len("docs/"):] not in index and not path.startswith("docs/decisions/"):
                find(path, "is not listed in docs/README.md")
        if path.endswith(".md"):
            prose = re.sub(r"```.*?```|`[^`\n]*`", "", texts[path], flags=re.S)
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", prose):
                if not os.path.exists(os.path.join(os.path.dirname(os.path.join(ROOT, path)), target)):
                    find(path, f"links to {target}, which does not exist")


# Shown in documents, and made by a build, a distribution or a user.
NOT_IN_TREE = {"conf/flink-conf.yaml", "conf/workers"}
TOP = ("api", "common", "connectors", "jobmanager", "taskmanager", "testing", "cli", "examples", "conf", "deploy", "docs",
       "proto", "tests", "tools", "docker")
COLUMNS_MAX = 120


def check_paths(path, text):
    """Every path in backticks names something in the tree. `folder/module` may stand for a header and its source."""
    if path.endswith(".md"):
        text = re.sub(r"```.*?```", "", text, flags=re.S)
    else:
        text = "\n".join(line.partition("//")[2] for line in text.split("\n"))
    for token in re.findall(r"`([\w.*-]+(?:/[\w.*{},-]*)+)`", text):
        if token.split("/")[0] not in TOP or token in NOT_IN_TREE:
            continue
        pattern = re.sub(r"\{[^}]*\}", "*", token).rstrip("/")
        if not any(glob.glob(os.path.join(ROOT, pattern + end)) for end in ("", ".h", ".cc", ".py", ".proto")):
            find(path, f"names `{token}`, which does not exist")


def check_columns(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > COLUMNS_MAX:
            find(f"{path}:{number}", f"has {len(line)} columns, at most {COLUMNS_MAX}")


def check_folders(files, layers):
    """Every folder with code has a line of its own: a folder without one would take the rules of the folder above."""
    for folder in sorted({"/".join(p.split("/")[:2]) for p in files if p.endswith((".h", ".cc")) and p.count("/") > 1}):
        if folder.startswith(("api/", "common/", "connectors/", "jobmanager/", "taskmanager/")) and folder not in layers:
            find(folder, "has no line in tests/tidy/layers.txt")


def check_archives(files, texts):
    """Every archive of the engine is linked whole by a check in tests/tidy/meson.build."""
    checks = texts["tests/tidy/meson.build"]
    for path in files:
        if path.endswith("meson.build") and path.startswith(("common/", "jobmanager/", "taskmanager/", "cli/")):
            for name in re.findall(r"(\w+_lib) = static_library\(", texts[path]):
                if not re.search(rf"\[{name},", checks):
                    find(path, f"{name} is not among the link checks of tests/tidy/meson.build")


def compile_headers(root, build, files, include_flags):
    """Every header compiles alone. Headers that did not change come out of the compiler cache, where there is one."""
    headers = [p for p in files if p.endswith(".h") and not p.startswith(("cli/templates/", "tests/compile_errors/"))]
    compiler = ["ccache", "g++"] if shutil.which("ccache") else ["g++"]
    environment = {**os.environ, "CCACHE_BASEDIR": root, "CCACHE_NOHASHDIR": "1"}
    folder = os.path.join(build, "headers")
    os.makedirs(folder, exist_ok=True)

    def one(header):
        unit = os.path.join(folder, header.replace("/", "__") + ".cc")
        with open(unit, "w", encoding="utf-8") as source:
            source.write(f'#include "{header}"\n')
        run = subprocess.run([*compiler, "-std=c++20", "-O0", "-c", "-Wall", "-Wextra", *include_flags, unit, "-o", unit + ".o"],
                             capture_output=True, text=True, cwd=root, env=environment)
        if run.returncode:
            first = next((l for l in run.stderr.split("\n") if "error" in l), run.stderr[:200])
            find(header, f"does not compile alone: {first.strip()}")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, headers))


def main():
    files = sources(ROOT)
    texts = {}
    for path in files:
        if path.endswith((".h", ".cc", ".inc", "meson.build", ".md", ".proto")):
            with open(os.path.join(ROOT, path), encoding="utf-8") as source:
                texts[path] = source.read()
    layers = read_layers(ROOT)
    for path in files:
        if path.endswith((".h", ".cc")) and not path.startswith(("cli/templates/", "tests/compile_errors/")):
            check_layers(path, texts[path], layers)
            check_rules(path, texts[path])
    for path in files:
        if path.endswith((".h", ".cc", ".proto")):
            check_columns(path, texts[path])
        if path.endswith((".h", ".cc", ".proto", ".md")):
            check_paths(path, texts[path])
    check_folders(files, layers)
    check_archives(files, texts)
    check_dead_files(files, texts)
    check_documents(files, texts)
    if len(sys.argv) > 2:
        build = sys.argv[2]
        # Places that the build hands to test headers.
        places = [f'-D{name}="."' for name in ("KAFKA_SCRIPT", "SLOW_QUERY_LOG_DATA", "SCRIPTED_TASKMANAGER")]
        compile_headers(ROOT, build, files, [*places, f"-I{ROOT}", f"-I{ROOT}/api/include", f"-I{ROOT}/connectors/include", f"-I{build}/proto", f"-I{build}"])
    for finding in findings:
        print(finding)
    print(f"tidy: {len(files)} files, {len(findings)} findings")
    return 1 if findings else 0


ROOT = os.path.abspath(sys.argv[1])
sys.exit(main())
