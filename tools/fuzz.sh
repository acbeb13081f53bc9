#!/usr/bin/env bash
# fuzz.sh SECONDS [NAME..]: builds the fuzz targets with clang's libFuzzer and sanitizers and runs each that long.
set -euo pipefail

seconds=$1
shift
top=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$top"
if [[ ! -f build-fuzz/build.ninja ]]; then
  CXX=clang++ meson setup build-fuzz -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Dwerror=false -Dfuzz=true >build-fuzz.log 2>&1 ||
    { tail -n 20 build-fuzz.log >&2; exit 1; }
  rm -f build-fuzz.log
fi
names=("$@")
if ((${#names[@]} == 0)); then
  mapfile -t names < <(find tests/fuzz -name '*_fuzz.cc' -exec basename {} .cc \; | sort)
fi
ninja -C build-fuzz "${names[@]/#/tests/fuzz/}"
for name in "${names[@]}"; do
  echo "== $name, $seconds s"
  mkdir -p "build-fuzz/corpus/$name"
  "build-fuzz/tests/fuzz/$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/$name-" "build-fuzz/corpus/$name" $([[ -d tests/fuzz/corpus/$name ]] && echo "tests/fuzz/corpus/$name") 2>&1 |
    grep -E 'stat::|ERROR|SUMMARY|Test unit' || { echo "$name failed"; exit 1; }
done
