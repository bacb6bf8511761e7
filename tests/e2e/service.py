"""Starts the real programs in a folder of its own and talks to them through the command line. Standard library only."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import threading

BUILD = pathlib.Path(os.environ["AMAES_BUILD_DIR"])
AMAES = str(BUILD / "bin" / "amaes")
DEADLINE = 120  # seconds; can only fail a test, never pace one


class Service:
    """`amaes up` on free ports. Use as a context manager."""

    def __init__(self, home, slots=2, fault=None):
        self.home = pathlib.Path(home)
        self.slots = slots
        self.fault = fault
        self.process = None

    def __enter__(self):
        environment = dict(os.environ)
        environment.pop("AMAES_COORDINATOR", None)
        if self.fault:
            environment["AMAES_FAULT"] = self.fault
        self.process = subprocess.Popen(
            [AMAES, "up", "--home", self.home, "--slots", str(self.slots), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True)
        wait_for_line(self.process, "  home ")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def run(self, *arguments, expect=0):
        return run(self.home, *arguments, expect=expect)

    def json(self, *arguments, expect=0):
        return json.loads(self.run(*arguments, "--output", "json", expect=expect))


def run(home, *arguments, expect=0):
    done = subprocess.run([AMAES, "--home", home, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE)
    if done.returncode != expect:
        raise AssertionError(f"amaes {' '.join(map(str, arguments))}: exit code {done.returncode}, expected {expect}\n"
                             f"{done.stdout}\n{done.stderr}\n{logs(home)}")
    return done.stdout if expect == 0 else done.stdout + done.stderr


def wait_for_line(process, text):
    """Reads the process's output until a line holds `text`. A process that is silent for too long is killed."""
    seen = []
    watchdog = threading.Timer(DEADLINE, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            seen.append(line)
            if text in line:
                return
    finally:
        watchdog.cancel()
    raise AssertionError(f"no line with '{text}' came:\n{''.join(seen)}")


def wait_for_step(service, step, job="run"):
    """Follows the job until rank 0 has reported `step`. A job that is silent for too long fails."""
    watch = subprocess.Popen([AMAES, "--home", service.home, "job", "watch", job], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(DEADLINE, watch.kill)
    watchdog.start()
    try:
        for _ in watch.stdout:
            if int(service.json("job", "show", job).get("training", {}).get("step", 0)) >= step:
                return
    finally:
        watchdog.cancel()
        watch.kill()
        watch.wait()
        watch.stdout.close()
    raise AssertionError(f"step {step} was never reported\n{logs(service.home)}")


def logs(home):
    text = []
    for log in [*pathlib.Path(home).glob("run/*.log"), *pathlib.Path(home).glob("jobs/*/logs/*.log")]:
        text.append(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:]))
    return "\n".join(text)


def make_home_with_dataset(folder, subjects=6):
    """A home whose store holds the dataset `scans`: a template to copy."""
    scans = pathlib.Path(folder) / "scans"
    home = pathlib.Path(folder) / "home"
    run(home, "phantom", "--to", scans, "--subjects", subjects)
    with Service(home) as service:
        service.run("dataset", "add", "scans", "--from", scans, "--wait")
    return home


def make_labelled_home(folder, subjects=8):
    """A home whose store holds the dataset `labelled`, of phantoms with two channels and a label map; and the folder of the scans."""
    scans, home = pathlib.Path(folder) / "scans", pathlib.Path(folder) / "home"
    run(home, "phantom", "--to", scans, "--subjects", subjects, "--labels")
    rows = ["path,subject,modality,label"]
    for label in sorted(scans.glob("*_label.nii.gz")):
        stem = label.name.removesuffix("_label.nii.gz")
        rows += [f"{stem}_{m}.nii.gz,{stem},{m},{label.name}" for m in ("FLAIR", "T1w")]
    (scans / "scans.csv").write_text("\n".join(rows) + "\n")
    with Service(home) as service:
        service.run("dataset", "add", "labelled", "--from", scans, "--layout", "csv", "--spacing", "native", "--wait")
    return home, scans


def tensors(path):
    """Name → (shape, bytes) of a safetensors file."""
    content = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length:]
    return {name: (t["shape"], data[t["data_offsets"][0]:t["data_offsets"][1]]) for name, t in header.items()}


def floats(raw):
    return struct.unpack(f"<{len(raw) // 4}f", raw)


def checkpoint_at(home, job_id, step):
    return next(pathlib.Path(home).glob(f"jobs/{job_id}/checkpoints/{step:08d}-*")) / "model.safetensors"


def copy_home(template, folder):
    home = pathlib.Path(tempfile.mkdtemp(dir=folder)) / "home"
    shutil.copytree(template, home)
    return home


# Small enough for a second per step, large enough that every phase happens: V = 4, W = 2.
SPEC = {
    "name": "run", "dataset": {"name": "scans"}, "network": {"name": "unet", "filters": 4}, "patch": 32, "global_batch": 4,
    "micro_batch": 1, "workers": 2, "device": "cpu", "threads_per_worker": 1, "schedule": {"steps": 6, "warmup_steps": 1},
    "optimizer": {"learning_rate": 1e-3}, "checkpoint": {"every_steps": 2, "keep": 10},
    "validation": {"every_steps": 3, "crops": 2},
}


def write_spec(home, **changes):
    path = pathlib.Path(home) / "job.json"
    path.write_text(json.dumps({**SPEC, **changes}))
    return path


def final_weights(service, job="run"):
    """SHA-256 of the newest checkpoint's weights and optimiser, read from the files themselves."""
    checkpoint = service.json("ckpt", "show", job)
    folder = pathlib.Path(checkpoint["folder"])
    digests = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.glob("*.safetensors"))}
    return int(checkpoint["step"]), digests
