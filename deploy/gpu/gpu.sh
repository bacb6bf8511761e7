#!/usr/bin/env bash
# Packs what runs on a GPU machine that has nothing but torch, and runs it there. Called by ./dev gpu.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
build=${AMAES_BUILD_DIR:-build/ci}
limit_mib=50
programs=(amaes amaes-worker)
modules=(libamaes_gloo.so libamaes_cuda.so)
checks=(gpu_numerics gpu_step_bench collective_nccl_gpu_check models_test train_step_test augment_test network_dump swin_dump)

usage() {
  cat <<'TEXT'
./dev gpu kit [FILE]            builds and packs, into dist/amaes-gpu-kit.tar.gz if no FILE is given; at most 50 MB
./dev gpu run [KIT] [options]   unpacks the kit and runs it
  The kit needs Linux on x86-64 with glibc 2.36, an NVIDIA driver for CUDA 13, and a python3 with torch 2.11; no network, no root, no
  compiler. On a machine without this repository: tar xf amaes-gpu-kit.tar.gz && ./amaes-gpu-kit/run
  It checks numbers against the CPU and every network against its authors', augmentation, NCCL at world size 1, a job of U-Net B at 128³
  with a kill in the middle and every preset, and times a step of every network beside PyTorch; some twenty minutes in all.
  Results: results.json, report.md, log.txt.
  --out DIR      where results go (default $OUT, else ./amaes-gpu-results)
  --only A,B     some of the steps: environment, programs, numerics, parity, augment, nccl, job, presets, bench, networks
  --presets A,B  some of the presets (default all)
  --minutes N    in all; what does not fit is left out and counts as failed (default 30)
  --cpu          a rehearsal without a GPU: tiny sizes, no NCCL; its times mean nothing
Environment: AMAES_BUILD_DIR (default build/ci), AMAES_PYTHON (default python3).
TEXT
}

fail() {
  printf 'gpu: %s\n' "$*" >&2
  exit 1
}

build_all() {
  [[ -f $build/build.ninja ]] || { [[ $build == build/ci ]] && cmake --preset ci >/dev/null; } || fail "$build is not configured: ./dev build"
  grep -q '^build amaes_cuda: phony' "$build/build.ninja" ||
    fail "$build has no GPU module: it needs nvcc 13 and nccl.h (./dev setup --gpu), then ./dev build"
  cmake --build "$build" --target "${programs[@]}" amaes_gloo amaes_cuda "${checks[@]}"
}

# The target has LibTorch, CUDA and the C and C++ run time.
there='lib(torch|torch_cpu|torch_cuda|c10|c10_cuda|cuda|cudart|nccl|c|m|dl|rt|pthread|resolv|util|stdc\+\+|gcc_s|gomp)\.so|ld-linux.*\.so'

# What the files need and the target does not have.
libraries() { # FILE…
  ldd "$@" | sed -n 's/.* => \(\/[^ ]*\) (0x.*/\1/p' | sort -u | grep -vE "/(site-packages|cuda[^/]*)/|/($there)"
}

# Nothing that a file of the kit names may be missing both in the kit and there.
complete() { # KIT
  local missing
  missing=$(readelf -d "$1"/bin/* "$1"/tests/* "$1"/lib/* | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u |
    grep -vE "^($there)" | while read -r name; do [[ -e $1/lib/$name ]] || echo "$name"; done)
  [[ -z $missing ]] || fail "the kit lacks" $missing
}

# The networks that others wrote, where ./dev setup --test put them; of yucca its networks alone, for the rest of it, also of the one
# module that they import, needs much more.
peers() { # FOLDER
  local test=(.venv/test/lib/python3*/site-packages) yucca=(.venv/yucca/lib/python3*/site-packages) part
  [[ -d ${yucca[0]}/monai && -d ${test[0]}/dynamic_network_architectures ]] || return 0
  mkdir -p "$1/yucca/modules" "$1/yucca/functional/utils"
  cp -r "${test[0]}/dynamic_network_architectures" "${yucca[0]}/monai" "$1/"
  cp -r "${yucca[0]}/yucca/modules/networks" "$1/yucca/modules/"
  printf 'def get_available_device():\n    return "cuda"\n' >"$1/yucca/functional/utils/torch_utils.py"
  for part in . modules/networks modules/networks/networks; do : >"$1/yucca/$part/__init__.py"; done
  find "$1" -name __pycache__ -prune -exec rm -r {} +
}

kit() {
  local file=${1:-dist/amaes-gpu-kit.tar.gz} kit own needed name size
  build_all
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  kit=$work/amaes-gpu-kit
  mkdir -p "$kit"/{bin,lib,tests,python,scans} "$(dirname "$file")"
  cp "${programs[@]/#/$build/bin/}" "$kit/bin/"
  cp "${modules[@]/#/$build/lib/}" "$kit/lib/"
  cp "${checks[@]/#/$build/tests/}" "$kit/tests/"
  own=("$kit"/bin/* "$kit"/tests/* "$kit"/lib/libamaes*)
  needed=$(libraries "${own[@]}")
  xargs cp -Lt "$kit/lib/" <<<"$needed"
  complete "$kit"
  strip --strip-unneeded "${own[@]}"
  # Own files hold the build folder's paths. The kit's run script sets the library path.
  cat >"$work/rpath.cmake" <<'CMAKE'
file(GLOB programs "${ROOT}/bin/*" "${ROOT}/tests/*")
foreach(program IN LISTS programs)
  file(RPATH_SET FILE "${program}" NEW_RPATH "$ORIGIN/../lib")
endforeach()
file(GLOB modules "${ROOT}/lib/libamaes*")
foreach(module IN LISTS modules)
  file(RPATH_SET FILE "${module}" NEW_RPATH "$ORIGIN")
endforeach()
CMAKE
  cmake -DROOT="$kit" -P "$work/rpath.cmake" >/dev/null

  cp deploy/gpu/{run,report,torch_step_bench}.py "$kit/python/"
  cp tests/conformance/models/{parity,peers,reference_unet,test_networks,test_networks_yucca,test_swin_unetr_yucca}.py "$kit/python/"
  cp -r libs/spec/presets "$kit/"
  peers "$kit/peers"
  printf '#!/bin/sh\nexec "${AMAES_PYTHON:-python3}" "$(dirname "$0")/python/run.py" "$@"\n' >"$kit/run"
  chmod +x "$kit/run"
  cp LICENSE "$kit/"
  # One contrast of each; six, so that one is held out for validation.
  "$build/bin/amaes" phantom --to "$work/phantoms" --subjects 6
  cp "$work"/phantoms/*_T1w.nii.gz "$kit/scans/"
  name=$("$build/bin/amaes" --version)
  printf '%s, commit %s\n' "$name" "$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)" >"$kit/VERSION"
  (cd "$kit" && find . -type f ! -name FILES -printf '%P\n' | sort | xargs sha256sum >FILES)

  tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -c amaes-gpu-kit | gzip -n >"$work/kit.tar.gz"
  size=$(stat -c %s "$work/kit.tar.gz")
  ((size <= limit_mib * 1000000)) || fail "the kit has $size bytes, more than $limit_mib MB: $(du -a "$kit" | sort -rn | sed -n 2,8p)"
  mv "$work/kit.tar.gz" "$file"
  printf 'gpu: %s, %d.%d MB, %d files\n' "$file" $((size / 1000000)) $((size / 100000 % 10)) "$(wc -l <"$kit/FILES")"
}

run() {
  local file=dist/amaes-gpu-kit.tar.gz
  if (($# > 0)) && [[ $1 != --* ]]; then file=$1 && shift; fi
  [[ -f $file ]] || fail "no kit $file: ./dev gpu kit makes one"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  tar -C "$work" -xf "$file"
  # Here, PyTorch is in the environment of the tests.
  if [[ -z ${AMAES_PYTHON-} && -x .venv/test/bin/python ]] && ! python3 -c 'import torch' 2>/dev/null; then
    export AMAES_PYTHON=$root/.venv/test/bin/python
  fi
  "$work/amaes-gpu-kit/run" "$@"
}

case ${1-} in
  kit | run) "$@" ;;
  '' | -h | --help) usage ;;
  *) usage >&2 && fail "no command '$1'" ;;
esac
