#!/usr/bin/env bash
# run.sh BUILD SECONDS JOBS: runs every fuzz target of BUILD/fuzz for SECONDS, JOBS at a time, each from its seeds and from
# what earlier runs found (BUILD/corpus). One line per target; ends with 1 if there is a finding, whose input is kept.
set -uo pipefail
build=$1 seconds=$2 jobs=$3
export build seconds
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

one() {
  local program=$1 name log status=0
  name=$(basename "$program")
  name=${name#fuzz_}
  log=$build/logs/$name.log
  mkdir -p "$build/corpus/$name" "$build/findings" "$build/logs"
  rm -f "$log"
  # CMakeLists.txt names the targets in the order of the table in targets.cc; the program says which one it is.
  [[ $("$program" --seeds "$build/seeds/$name") == "$name: "* ]] || { echo "fuzz: $program is not the target $name" >&2; return 1; }
  "$program" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$build/findings/$name-" "$build/corpus/$name" "$build/seeds/$name" >"$log" 2>&1 || status=$?
  printf '%-14s %10s executions %7s/s  %s inputs  %s\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
    "$(find "$build/corpus/$name" -type f | wc -l)" "$([[ $status == 0 ]] && echo ok || echo "FINDING: $log, $build/findings/$name-*")"
  return "$status"
}
export -f one

programs=("$build"/fuzz/fuzz_*)
[[ -x ${programs[0]} ]] || { echo "fuzz: nothing built in $build/fuzz" >&2; exit 1; }
printf '%s\0' "${programs[@]}" | xargs -0 -P "$jobs" -n 1 bash -c 'one "$1"' one
