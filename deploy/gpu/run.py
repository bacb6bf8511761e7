"""Runs a GPU kit: checks numbers, NCCL and a job, and times a step beside PyTorch. See ./dev gpu --help. Standard library only."""

import argparse
import concurrent.futures
import ctypes.util
import datetime
import glob
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree

import report

KIT = pathlib.Path(__file__).resolve().parent.parent
OLDEST_CUDNN = 91500  # before, 3D convolutions in 16 bits are wrong (pytorch/pytorch#163539, #166122)
OLDEST_NCCL = (2, 28)
TORCH = "2.11."
PEERS = KIT / "peers"
# First width, and that of a rehearsal.
NUMERICS = {"unet": (32, 2), "mednext_m": (16, 2), "resenc_l": (16, 2), "swin_unetr": (24, 12)}
PARITY = ("test_networks", "test_networks_yucca", "test_swin_unetr_yucca")
OTHERS = ("unet_xl", "mednext_m", "mednext_l", "resenc_l", "swin_unetr")
# The metric of a validation, and fields of a rehearsal, which has only two.
TINY = "device=cpu precision=fp32 global_batch=2 "
PRESETS = {"amaes-unet-b": ("masked_r2", TINY + "network.name=unet network.filters=4 patch=32"), "amaes-unet-xl": ("masked_r2", ""),
           "amaes-mednext-m": ("masked_r2", ""), "amaes-mednext-l": ("masked_r2", ""), "amaes-resenc-l": ("masked_r2", ""),
           "swinunetr-ssl": ("loss", TINY + "network.filters=12 patch=64x32x32 objective.group=2 micro_batch=2")}
PROBE = """
import json, os, torch
gpu = torch.cuda.is_available()
print(json.dumps({"torch": torch.__version__, "lib": os.path.join(os.path.dirname(torch.__file__), "lib"), "cuda": torch.version.cuda,
  "cudnn": torch.backends.cudnn.version(), "gpu": torch.cuda.get_device_name(0) if gpu else None,
  "nccl": list(torch.cuda.nccl.version()) if gpu else None,
  "memory_bytes": torch.cuda.get_device_properties(0).total_memory if gpu else None}))
"""


class StepFailed(Exception):
    pass


class Machine:
    """Starts programs of the kit: environment, time limits, the log."""

    def __init__(self, out, cpu, minutes):
        self.out, self.cpu = out, cpu
        self.patience = 10 if cpu else 1  # a rehearsal may share its processor with anything
        self.deadline = time.monotonic() + 60 * minutes
        self.log = open(out / "log.txt", "w", encoding="utf-8")
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="amaes-gpu-"))
        self.torch = json.loads(self.call([sys.executable, "-c", PROBE], 120, dict(os.environ)).stdout.splitlines()[-1])
        self.environment = self.make_environment()

    def make_environment(self):
        """For programs of the kit only: its libraries are no libraries for Python's modules."""
        nvidia = os.path.join(os.path.dirname(os.path.dirname(self.torch["lib"])), "nvidia")
        folders = [self.torch["lib"], str(KIT / "lib")]
        folders += [os.path.dirname(f) for f in glob.glob(os.path.join(nvidia, "*", "lib", "libcudart.so.13"))]
        folders += filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":"))
        # NVML is opened by its name; some machines keep the driver outside of the loader's folders.
        for folder in ("/usr/local/nvidia/lib64", "/usr/lib64", "/usr/lib/x86_64-linux-gnu"):
            if os.path.exists(os.path.join(folder, "libnvidia-ml.so.1")) and not ctypes.util.find_library("nvidia-ml"):
                folders.append(folder)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AMAES_")}
        environment["LD_LIBRARY_PATH"] = ":".join(dict.fromkeys(folders))
        return environment

    def left(self):
        return self.deadline - time.monotonic()

    def call(self, command, seconds, environment=None, check=True):
        """Ends the whole process group after `seconds`, or when the time for everything is over."""
        command = list(map(str, command))
        limit = min(self.patience * seconds, self.left())
        if limit < 1:
            raise StepFailed("no time is left")
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                   start_new_session=True, env=self.environment if environment is None else environment)
        try:
            text, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.end(process)
            text, _ = process.communicate()
            self.note(command, text)
            raise StepFailed(f"{os.path.basename(command[0])} did not end within {limit:.0f} s") from None
        self.note(command, text, process.returncode, time.monotonic() - start)
        if check and process.returncode != 0:
            tail = "\n".join(text.splitlines()[-12:])
            raise StepFailed(f"{' '.join(command)[:200]}: exit code {process.returncode}\n{tail}")
        return subprocess.CompletedProcess(command, process.returncode, text)

    def end(self, process):
        """First in order, so that a service stops its workers."""
        for sign, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
            try:
                os.killpg(process.pid, sign)
                process.wait(seconds)
                return
            except (subprocess.TimeoutExpired, ProcessLookupError):
                pass

    def note(self, command, text, code=None, seconds=None):
        ended = "timed out" if code is None else f"exit code {code}, {seconds:.1f} s"
        self.log.write(f"$ {' '.join(command)}\n{text.rstrip()}\n[{ended}]\n\n")
        self.log.flush()

    def program(self, name):
        return KIT / "tests" / name

    def device(self):
        return "cpu" if self.cpu else "gpu"


def gpu_state(machine):
    fields = "name,driver_version,memory.total,clocks.sm,clocks.mem,temperature.gpu,power.draw"
    try:
        text = machine.call(["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"], 30, dict(os.environ)).stdout
    except (OSError, StepFailed):
        return {}
    return dict(zip(fields.split(","), (v.strip() for v in text.splitlines()[0].split(","))))


def step_environment(machine, options):
    found = dict(machine.torch, **gpu_state(machine), python=sys.version.split()[0], system=os.uname().release, cores=os.cpu_count())
    wrong = []
    if not found["torch"].startswith(TORCH):
        wrong.append(f"torch is {found['torch']}; the kit is built for {TORCH}x")
    if not machine.cpu:
        if not found["gpu"]:
            wrong.append("torch finds no GPU")
        if (found["cudnn"] or 0) < OLDEST_CUDNN:
            wrong.append(f"cuDNN {found['cudnn']} is older than {OLDEST_CUDNN}")
        if tuple(found["nccl"] or ()) < OLDEST_NCCL:
            wrong.append(f"NCCL {found['nccl']} is older than {OLDEST_NCCL}")
    return found, wrong


def step_programs(machine, options):
    """Every library is found, and host tests pass with this machine's LibTorch."""
    files = [f for f in sorted(KIT.glob("bin/*")) + sorted(KIT.glob("tests/*")) + sorted(KIT.glob("lib/*.so*"))]
    text = machine.call(["ldd", *files], 60, check=False).stdout
    missing = sorted({line.strip() for line in text.splitlines() if "not found" in line})
    if machine.cpu:  # without CUDA's libraries the GPU module cannot be complete
        missing = [line for line in missing if not re.match(r"lib(torch_cuda|c10_cuda|cu|nccl|nv)", line)]
    wrong = [f"library {line}" for line in missing]
    versions = [machine.call([KIT / "bin" / p, "--version"], 60).stdout.strip() for p in ("amaes", "amaes-worker")]
    tests = {}
    for test in () if wrong else ("models_test", "train_step_test"):
        done = machine.call([machine.program(test), "--gtest_brief=1"], 90, check=False)
        tests[test] = done.returncode == 0
        if done.returncode != 0:
            wrong.append(f"{test} fails")
    return {"versions": versions, "tests": tests}, wrong


def step_numerics(machine, options):
    threads = max(1, (os.cpu_count() or 1) // len(NUMERICS))

    def run(network):
        filters, few = NUMERICS[network]
        sizes = ["--filters", few, "--curve-steps", 5, "--threads", 1] if machine.cpu else ["--filters", filters, "--curve-steps", 10, "--threads", threads]
        path = machine.work / f"numerics-{network}.json"
        command = [machine.program("gpu_numerics"), "--network", network, "--device", machine.device(), "--json", path, *sizes]
        try:
            done = machine.call(command, 300, check=False)
        except StepFailed as failure:
            return None, [f"{network}: {failure}"]
        if not path.exists():
            return None, [f"{network}: exit code {done.returncode}\n{done.stdout[-1500:]}"]
        found = json.loads(path.read_text())
        return found, [f"{network}, {row['name']}: {row.get('error', 'beyond its bounds')}" for row in found["rows"] if not row["ok"]]

    with concurrent.futures.ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(run, NUMERICS))
    return {"networks": [found for found, _ in outcomes if found]}, [problem for _, problems in outcomes for problem in problems]


def needs_peers(machine):
    return None if PEERS.exists() else {"left_out": "the kit was packed without the packages of yucca, MONAI and dynamic-network-architectures"}


def step_parity(machine, options):
    """The tests of tests/conformance/models, with our side of them on the device."""
    if absent := needs_peers(machine):
        return absent, []
    # The programs need libraries of the kit, which Python must not see.
    programs = machine.work / "tests"
    programs.mkdir(exist_ok=True)
    for name in ("network_dump", "swin_dump"):
        (programs / name).write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={machine.environment["LD_LIBRARY_PATH"]} exec {machine.program(name)} "$@"\n')
        (programs / name).chmod(0o755)
    environment = dict(os.environ, AMAES_BUILD_DIR=str(machine.work), AMAES_TEST_DEVICE=machine.device(), PYTHONPATH=str(PEERS),
                       AMAES_TEST_THREADS=str(max(1, (os.cpu_count() or 1) // len(PARITY))), PYTHONDONTWRITEBYTECODE="1")

    def run(file):
        path = machine.work / f"{file}.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "junit_logging=all", f"--junitxml={path}",
                   KIT / "python" / f"{file}.py", *(["-k", "f32"] if machine.cpu else [])]
        machine.call(command, 240, environment, check=False)
        return read_junit(path)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        rows = [row for part in pool.map(run, PARITY) for row in part]
    return {"rows": rows}, [f"{row['test']}: {row['failed']}" for row in rows if row["failed"]]


def read_junit(path):
    if not path.exists():
        raise StepFailed(f"pytest wrote no {path.name}: see log.txt")
    rows = []
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        failure = next((case.find(kind) for kind in ("failure", "error") if case.find(kind) is not None), None)
        said = [line for line in (case.findtext("system-out") or "").splitlines() if line.strip() and not line.startswith("---")]
        rows.append({"test": f"{case.get('classname')}.{case.get('name')}", "measured": said, "seconds": float(case.get("time")),
                     "failed": (failure.get("message") or "failed").splitlines()[0] if failure is not None else ""})
    return rows


def step_augment(machine, options):
    environment = dict(machine.environment, AMAES_TEST_DEVICE=machine.device())
    if not machine.cpu:  # its main() asks LibTorch for GPUs before a device is opened
        environment["LD_PRELOAD"] = os.path.join(machine.torch["lib"], "libtorch_cuda.so")
    done = machine.call([machine.program("augment_test"), "--gtest_filter=Tensor*"], 120, environment, check=False)
    return {"output": done.stdout[-1500:]}, [] if done.returncode == 0 else ["augment_test fails:\n" + done.stdout[-1500:]]


def step_nccl(machine, options):
    if machine.cpu:
        return {"left_out": "needs a GPU"}, []
    done = machine.call([machine.program("collective_nccl_gpu_check")], 60, check=False)
    return {"output": done.stdout[-1500:]}, [] if done.returncode == 0 else ["collective_nccl_gpu_check fails"]


def job_spec(machine, name, **changes):
    spec = {
        "name": name, "dataset": {"name": "scans"}, "network": {"name": "unet_b"}, "patch": 128, "global_batch": 8, "micro_batch": 1,
        "device": "gpu", "precision": "bf16", "schedule": {"steps": 60, "warmup_steps": 5}, "optimizer": {"learning_rate": 1e-3},
        "checkpoint": {"every_steps": 30, "keep": 10}, "validation": {"every_steps": 0, "crops": 2},
        "loader": {"threads": max(1, min(8, (os.cpu_count() or 1) - 1)), "prefetch": 16},
    }
    if machine.cpu:
        spec |= {"network": {"name": "unet", "filters": 4}, "patch": 32, "global_batch": 2, "device": "cpu", "precision": "fp32",
                 "schedule": {"steps": 8, "warmup_steps": 1}, "checkpoint": {"every_steps": 4, "keep": 10}}
    return spec | changes


def run_job(machine, spec, seconds, fault=None):
    home = machine.work / spec["name"]
    home.mkdir()
    (home / "job.json").write_text(json.dumps(spec))
    return run_file(machine, home, spec["name"], home / "job.json", [], seconds, fault)


def run_file(machine, home, name, file, fields, seconds, fault=None):
    """`amaes run` in a folder of its own. Speeds are read while it runs: a report covers the steps since the last one."""
    environment = dict(machine.environment, **({"AMAES_FAULT": fault} if fault else {}))
    command = [KIT / "bin" / "amaes", "run", "-f", file, "--data", KIT / "scans", "--dir", home, "--output", "json"]
    command += [word for field in fields for word in ("--set", field)]
    limit = min(machine.patience * seconds, machine.left())
    if limit < 5:
        raise StepFailed("no time is left")
    start, speeds = time.monotonic(), {}
    with open(home / "out.txt", "w", encoding="utf-8") as out:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.STDOUT, start_new_session=True, env=environment)
        while process.poll() is None:
            if time.monotonic() - start > limit:
                machine.end(process)
                break
            time.sleep(0.2)
            speeds |= poll(home, name, machine.environment)
    text = (home / "out.txt").read_text(encoding="utf-8", errors="replace")
    machine.note(list(map(str, command)), text + daemon_logs(home), process.returncode, time.monotonic() - start)
    if process.returncode != 0:
        raise StepFailed(f"job {name}: exit code {process.returncode} after {time.monotonic() - start:.0f} s\n{text[-1500:]}")
    return json.loads(text[text.index("{"):]), speeds, time.monotonic() - start


def poll(home, name, environment):
    try:
        done = subprocess.run([KIT / "bin" / "amaes", "--home", home, "job", "show", name, "--output", "json"], capture_output=True,
                              text=True, timeout=10, env=environment)
        training = json.loads(done.stdout).get("training", {}) if done.returncode == 0 else {}
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return {}
    rate = training.get("samples_per_second", 0)
    return {int(training["step"]): (rate, training.get("data_wait_ratio", 0))} if rate and int(training.get("step", 0)) > 0 else {}


def daemon_logs(home):
    logs = [*home.glob("run/*.log"), *home.glob("jobs/*/logs/*.log")]
    return "".join(f"\n--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:]) for log in logs)


def describe(job, speeds, seconds, spec, metric="loss_masked"):
    training = job["training"]
    # The first reports hold cuDNN's search for kernels.
    steps = spec["schedule"]["steps"]
    steady = sorted(rate for step, (rate, _) in speeds.items() if step > steps // 3) or [training.get("samples_per_second", 0)]
    validations = [v["metrics"][metric] for v in training.get("validations", []) if v["split"] == "held_out"]
    return {"micro_batch": spec["micro_batch"], "steps": int(training["step"]), "seconds": seconds, "attempt": int(job["attempt"]),
            "samples_per_second": statistics.median(steady), "low": steady[0], "high": steady[-1], "reports": len(steady),
            "data_wait": statistics.median(w for _, w in speeds.values()) if speeds else training.get("data_wait_ratio", 0),
            "peak_bytes": int(training.get("peak_memory_bytes", 0)), "held_out": validations}


def weights(job, step):
    """Digests of the newest committed checkpoint of `step`."""
    folders = sorted(pathlib.Path(job["folder"]).glob(f"checkpoints/{step:08d}-*"))
    if not folders:
        raise StepFailed(f"no checkpoint of step {step} in {job['folder']}")
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folders[-1].glob("*.safetensors"))}


def step_job(machine, options):
    if not machine.cpu and not machine.torch["gpu"]:
        raise StepFailed("torch finds no GPU, so the job would wait for one")
    rows, wrong = [], []
    for micro_batch in (1, 2) if machine.cpu else (1, 4, 8):
        spec = job_spec(machine, f"micro-{micro_batch}", micro_batch=micro_batch)
        spec["validation"] = {"every_steps": spec["schedule"]["steps"], "crops": 2}
        job, speeds, seconds = run_job(machine, spec, 120)
        rows.append(describe(job, speeds, seconds, spec))
        shutil.rmtree(pathlib.Path(job["folder"]) / "checkpoints", ignore_errors=True)
        held_out = rows[-1]["held_out"]
        if len(held_out) < 2 or not held_out[-1] < held_out[0]:
            wrong.append(f"{spec['name']}: the held-out loss did not fall: {held_out}")
        if not machine.cpu and not rows[-1]["peak_bytes"] > 1 << 30:
            wrong.append(f"{spec['name']}: peak memory {rows[-1]['peak_bytes']} cannot be")
    resume, problems = check_resume(machine)
    return {"rows": rows, "resume": resume}, wrong + problems


def check_resume(machine):
    """A worker is killed in the middle; the job goes on from its checkpoint and ends with the bits of an undisturbed one."""
    changes = {"deterministic": True, "schedule": {"steps": 8, "warmup_steps": 1}, "checkpoint": {"every_steps": 3, "keep": 10},
               "global_batch": 2, "patch": 32 if machine.cpu else 64}
    calm, _, _ = run_job(machine, job_spec(machine, "undisturbed", **changes), 90)
    hit, _, _ = run_job(machine, job_spec(machine, "killed", **changes), 90, "point=backward,step=5,attempt=1,kill=self")
    found = {"attempts": int(hit["attempt"]), "step": int(hit["training"]["step"]), "same_bits": weights(calm, 8) == weights(hit, 8)}
    wrong = []
    if found["attempts"] != 2 or found["step"] != 8:
        wrong.append(f"the killed job ended at attempt {found['attempts']}, step {found['step']}; expected 2 and 8")
    if not found["same_bits"]:
        wrong.append("the killed job's weights differ from the undisturbed one's (deterministic: true)")
    return found, wrong


def step_presets(machine, options):
    """A few steps of every preset as it stands: 128³ (SwinUNETR's own pretraining 96³), bfloat16, its augmentation, its batch, as large a micro-batch
    as fits."""
    rows, wrong = [], []
    for name, (metric, small) in PRESETS.items():
        if name not in options.presets or (machine.cpu and not small):
            continue
        steps = 4 if machine.cpu else 8
        fields = [f"name={name}", "dataset.name=scans", f"schedule.steps={steps}", "schedule.warmup_steps=1", f"validation.every_steps={steps}",
                  "validation.crops=2", f"loader.threads={max(1, min(14, (os.cpu_count() or 1) - 2))}"]
        fields += small.split() if machine.cpu else []
        home = machine.work / name
        home.mkdir()
        try:
            job, speeds, seconds = run_file(machine, home, name, KIT / "presets" / f"{name}.yaml", fields, 150)
        except StepFailed as failure:
            wrong.append(str(failure))
            continue
        found = pathlib.Path(job["folder"]) / "micro_batch.json"  # where the preset leaves it open
        micro_batch = json.loads(found.read_text())["micro_batch"] if found.exists() else int(job["spec"]["pretrain"]["micro_batch"])
        spec = {"micro_batch": micro_batch, "schedule": {"steps": steps}}
        row = dict(describe(job, speeds, seconds, spec, metric), preset=name, estimate_bytes=int(job["estimate"]["memory_per_worker_bytes"]),
                   global_batch=int(job["spec"]["pretrain"]["global_batch"]))
        rows.append(row)
        if row["steps"] != steps:
            wrong.append(f"{name} ended at step {row['steps']} of {steps}")
        shutil.rmtree(home, ignore_errors=True)
    return {"rows": rows}, wrong


def step_bench(machine, options):
    sizes = "--networks unet --patch 32 --filters 4 --precision fp32 --batch 1,2 --warmup 1 --steps 4 --threads 1"
    return bench(machine, sizes if machine.cpu else "", 90)


def step_networks(machine, options):
    if absent := needs_peers(machine):
        return absent, []
    tiny = "--networks unet,mednext_m --patch 32 --filters 4 --precision fp32 --batch 2 --warmup 1 --steps 2 --threads 1"
    return bench(machine, tiny if machine.cpu else f"--networks {','.join(OTHERS)} --batch 2 --warmup 4 --steps 12", 150)


def bench(machine, sizes, seconds):
    """One process per variant, in the order A B C C B A: what drifts shows as spread between both rounds."""
    sizes = sizes.split()
    torch_bench = [sys.executable, KIT / "python" / "torch_step_bench.py"]
    variants = [[machine.program("gpu_step_bench")], torch_bench + ["--format", "contiguous"],
                torch_bench + ["--format", "channels_last_3d"]]
    rounds, wrong, states, longest = [], [], [gpu_state(machine)], 0
    for number, variant in enumerate(variants + variants[::-1]):
        if number >= len(variants) and machine.left() < 1.3 * longest + 5:
            wrong.append("no time was left for the whole second round: spread is over one")
            break
        path, start = machine.work / f"bench-{number}.json", time.monotonic()
        environment = dict(os.environ, PYTHONPATH=str(PEERS)) if variant[0] == sys.executable else None
        try:
            machine.call([*variant, "--device", machine.device(), "--json", path, *sizes], seconds, environment)
            rounds += [dict(row, round=number // len(variants) + 1) for row in json.loads(path.read_text())]
        except StepFailed as failure:
            wrong.append(str(failure))
        longest = max(longest, time.monotonic() - start)
        states.append(gpu_state(machine))
    return {"rounds": rounds, "rows": summarise(rounds), "states": states}, wrong


def summarise(rounds):
    rows = {}
    for row in rounds:
        rows.setdefault((row["network"], row["batch"], row["program"], row["variant"]), []).append(row)
    summary = []
    for (network, batch, program, variant), group in sorted(rows.items()):
        rates = [row["samples_per_second"] for row in group]
        summary.append({
            "network": network, "batch": batch, "program": program, "variant": variant, "samples_per_second": statistics.mean(rates),
            "rounds": rates, "spread": (max(rates) - min(rates)) / statistics.mean(rates),
            "low_quartile": min(row["low_quartile"] for row in group), "high_quartile": max(row["high_quartile"] for row in group),
            "host_ms": statistics.mean(row["host_ms"] for row in group),
            "peak_allocated_bytes": max(row["peak_allocated_bytes"] for row in group),
            "peak_reserved_bytes": max(row["peak_reserved_bytes"] for row in group)})
    return summary


STEPS = {"environment": step_environment, "programs": step_programs, "numerics": step_numerics, "parity": step_parity,
         "augment": step_augment, "nccl": step_nccl, "job": step_job, "presets": step_presets, "bench": step_bench, "networks": step_networks}


def run_step(name, machine, options):
    start, data, wrong = time.monotonic(), {}, []
    if sys.stdout.isatty():
        print(f"{name:12} …\r", end="", flush=True)
    try:
        data, wrong = STEPS[name](machine, options)
    except StepFailed as failure:
        wrong = [str(failure)]
    except Exception:  # a step that breaks does not stop the following ones
        wrong = [traceback.format_exc(limit=3)]
    seconds = time.monotonic() - start
    print(f"{name:12} {'left out' if 'left_out' in data else 'FAILED' if wrong else 'ok':8} {seconds:6.1f} s", flush=True)
    for problem in wrong:
        print("    " + problem.replace("\n", "\n    "), flush=True)
    return {"ok": not wrong, "seconds": seconds, "problems": wrong, "data": data}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--out", default=os.environ.get("OUT") or "amaes-gpu-results", help="folder of the results")
    parser.add_argument("--only", default=",".join(STEPS), help="steps, separated by commas")
    parser.add_argument("--presets", default=",".join(PRESETS), help="presets, separated by commas")
    parser.add_argument("--minutes", type=float, help="in all (default 30; 60 with --cpu)")
    parser.add_argument("--cpu", action="store_true", help="a rehearsal without a GPU, at tiny sizes")
    options = parser.parse_args(arguments)
    options.steps, options.presets = options.only.split(","), options.presets.split(",")
    options.minutes = options.minutes or (60 if options.cpu else 30)
    if unknown := [step for step in options.steps if step not in STEPS]:
        parser.error(f"no step {', '.join(unknown)}; there are {', '.join(STEPS)}")
    return options


def main(arguments):
    options = parse(arguments)
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    try:
        machine = Machine(out, options.cpu, options.minutes)
    except (StepFailed, json.JSONDecodeError, IndexError) as failure:
        print(f"{sys.executable} has no torch that works: {failure}", file=sys.stderr)
        return 2
    try:
        results = {"kit": (KIT / "VERSION").read_text().strip(), "command": "run " + " ".join(arguments), "cpu_rehearsal": options.cpu,
                   "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
                   "steps": {name: run_step(name, machine, options) for name in options.steps}}
    finally:
        shutil.rmtree(machine.work, ignore_errors=True)
    results["seconds"] = time.monotonic() - start
    results["ok"] = all(step["ok"] for step in results["steps"].values())
    (out / "results.json").write_text(json.dumps(results, indent=2))
    (out / "report.md").write_text(report.markdown(results))
    print(report.summary(results))
    print(f"{'all checks passed' if results['ok'] else 'SOMETHING FAILED'} in {results['seconds']:.0f} s; {out / 'report.md'}")
    return 0 if results["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
