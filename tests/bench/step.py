"""./dev bench step: a training step (forward, mean squared error, backward, AdamW) of each network, ours and PyTorch's in eager mode, in two
processes of as many threads that take turns, step by step. Prints the table of docs/benchmarks/step.md.

AMAES_BUILD_DIR: build folder. AMAES_VENV: the folder with the Python environments test and yucca.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
# name, first width, patch, batch: sizes that a CPU trains
CASES = [
    ("unet", 16, "64x64x64", 1),
    ("unet", 16, "64x64x64", 2),
    ("unet_b", 32, "64x64x64", 1),
    ("unet_b", 32, "64x64x64", 2),
    ("mednext_m", 16, "48x48x48", 1),
    ("mednext_m", 32, "32x32x32", 2),
    ("mednext_l", 16, "32x32x32", 2),
    ("resenc_l", 16, "64x64x64", 1),
    ("resenc_l", 32, "64x64x64", 2),
    ("swin_unetr", 24, "64x64x64", 1),
    ("swin_unetr", 48, "64x64x64", 2),
]


class Server:
    def __init__(self, *command, threads):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def step(self):
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[:2]} ended")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def quartiles(values, digits=2):
    low, mid, high = statistics.quantiles(values, n=4)
    return f"{mid:.{digits}f} ({low:.{digits}f} … {high:.{digits}f})"


def compare(case, options):
    name, filters, patch, batch = case
    arguments = [name, filters, patch, batch, options.threads]
    ours = Server(pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "bench" / "step_server", *arguments, threads=options.threads)
    environment = "yucca" if name.startswith(("mednext", "swin")) else "test"
    python = pathlib.Path(os.environ["AMAES_VENV"]) / environment / "bin" / "python"
    theirs = Server(python, HERE / "step_peer.py", *arguments, threads=options.threads)
    for _ in range(options.warmup):
        ours.step(), theirs.step()
    mine, other = [], []
    for number in range(options.steps):
        pair = [(mine, ours), (other, theirs)]
        for kept, server in pair if number % 2 == 0 else reversed(pair):
            kept.append(server.step())
    ours.close(), theirs.close()
    ratio = [o["seconds"] / m["seconds"] for m, o in zip(mine, other)]
    processor = [o["processor"] / m["processor"] for m, o in zip(mine, other)]
    return [f"{name}, {filters} filters", f"{patch.split('x')[0]}³ × {batch}", quartiles([m["seconds"] for m in mine]),
            quartiles([o["seconds"] for o in other]), quartiles(ratio), quartiles(processor)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--only", default="", help="networks whose name begins so")
    options = parser.parse_args()
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"{time.strftime('%Y-%m-%d')}, {model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start, {options.threads} threads, "
          f"{options.steps} steps\n")
    print("| network | patch × batch | amaes, s: median (quartiles) | PyTorch eager, s | its time ÷ ours, pair by pair | the same in processor time |")
    print("|" + "---|" * 6, flush=True)
    for case in CASES:
        if case[0].startswith(options.only):
            print("| " + " | ".join(compare(case, options)) + " |", flush=True)


main()
