#!/usr/bin/env bash
# The whole service once, on this machine: ingest, pretrain on two workers, picture, pull. Called by ./dev demo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ ${1-} == --help ]]; then
  cat <<'TEXT'
./dev demo [--data DIR] [--steps N] [--dir DIR]
Starts the service in a folder of its own, makes a dataset, pretrains a small U-Net on two CPU workers with live progress, draws the
loss curve and reconstructions, pulls the checkpoint and reads it with safetensors and NumPy. About six minutes on two cores.
  --data DIR   scans to use (NIfTI, any contrast); default: phantoms and the ICBM 152 brain
  --steps N    optimiser updates (default 350)
  --dir DIR    where everything goes (default build/demo; emptied first)
TEXT
  exit 0
fi

data= steps=350 dir=build/demo bin=${AMAES_BIN:-build/ci/bin}
while (($# > 0)); do
  case $1 in
    --data) data=${2:?"--data needs a folder"} && shift 2 ;;
    --steps) steps=${2:?"--steps needs a number"} && shift 2 ;;
    --dir) dir=${2:?"--dir needs a folder"} && shift 2 ;;
    *) echo "demo: unknown option $1 (./dev demo --help)" >&2 && exit 2 ;;
  esac
done
[[ -z $data || -d $data ]] || { echo "demo: --data $data: no such folder" >&2; exit 3; }
[[ -z $data ]] || data=$(cd "$data" && pwd)
if [[ -e $dir && ! -e $dir/run && -n $(ls -A "$dir") ]]; then
  echo "demo: $dir is not empty and was not made by a demo: choose another --dir" >&2
  exit 8
fi
rm -rf "$dir" && mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
amaes() { "$bin/amaes" --home "$dir" "$@"; }
headline() { printf '\n\033[1m%s\033[0m\n' "$*"; }

service=
stop_service() {
  [[ -z $service ]] || { kill -TERM "$service" 2>/dev/null && wait "$service" 2>/dev/null; } || true
  service=
}
trap stop_service EXIT
trap 'exit 130' INT TERM HUP

headline "1. The service"
"$bin/amaes" up --home "$dir" --slots 2 --listen 127.0.0.1:0 --http 127.0.0.1:0 >"$dir/up.log" 2>&1 &
service=$!
for _ in {1..300}; do
  grep -q 'home ' "$dir/up.log" && break
  kill -0 "$service" 2>/dev/null || { cat "$dir/up.log" >&2; exit 1; }
  sleep 0.1
done
grep -q 'home ' "$dir/up.log" || { echo "demo: the service did not come up" >&2; cat "$dir/up.log" >&2; exit 1; }
sed -n '2,$p' "$dir/up.log"

headline "2. A dataset"
if [[ -z $data ]]; then
  data=$dir/scans
  amaes phantom --to "$data" --subjects 8
  cp .cache/icbm152/*.nii.gz "$data/sub-icbm152_T1w.nii.gz"
  echo "eight phantoms in three contrasts, and the ICBM 152 brain"
fi
amaes dataset add demo --from "$data" --wait
amaes dataset show demo

headline "3. Pretraining: two workers, $steps steps"
amaes submit --preset demo --dataset demo --name demo --set "schedule.steps=$steps" --request-id demo >/dev/null 2>&1
amaes job watch demo
amaes job shards demo

headline "4. The checkpoint"
amaes ckpt ls demo
amaes ckpt pull demo --to "$dir/pulled"
.venv/demo/bin/python deploy/demo/read_checkpoint.py "$dir/pulled/model.safetensors"

headline "5. What there is to see"
pid=$(<"$dir/run/coordinator.pid")
awk '/^VmRSS/ {printf "coordinator     %.0f MB of resident memory\n", $2 / 1024}' "/proc/$pid/status"
folder=$(amaes job show demo --output json | sed -n 's/^ *"folder": "\(.*\)".*/\1/p')
echo "picture         $folder/pictures/run.png"
echo "checkpoint      $dir/pulled/model.safetensors"
echo "all files       $dir"
echo "again, to stay: ./dev up --home $dir"
