"""The same training step in PyTorch: each network as others wrote it, eager, bfloat16 autocast, fused AdamW, random data that lies on the device.

Prints a line per case and writes JSON with the keys of gpu_step_bench. peers.py lies beside it; for unet it needs torch alone.
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import sys
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peers import light_network  # noqa: E402

GIB = 1 << 30
TOKEN, MASK_RATIO = 4, 0.6


def random_batch(batch, patch, device):
    """Voxels are multiples of 1/256 in [0, 1), as in gpu_step_bench; the same share of tokens is masked."""
    generator = torch.Generator().manual_seed(1)
    target = torch.randint(0, 256, (batch, 1, patch, patch, patch), generator=generator).float() / 256
    side = patch // TOKEN
    masked = side**3 - int(side**3 * (1 - MASK_RATIO))
    order = torch.rand(batch, side**3, generator=generator).argsort(dim=1)
    mask = (order < masked).view(batch, 1, side, side, side)
    for axis in (2, 3, 4):
        mask = mask.repeat_interleave(TOKEN, dim=axis)
    return target.to(device), mask.to(device)


class Marks:
    """Marks on the device's stream; on a CPU, the host's clock."""

    def __init__(self, device):
        self.device, self.marks = device, []

    def mark(self):
        if self.device == "cpu":
            self.marks.append(time.perf_counter())
        else:
            self.marks.append(torch.cuda.Event(enable_timing=True))
            self.marks[-1].record()

    def milliseconds(self):
        if self.device == "cpu":
            return [1000 * (b - a) for a, b in zip(self.marks, self.marks[1:])]
        self.marks[-1].synchronize()
        return [a.elapsed_time(b) for a, b in zip(self.marks, self.marks[1:])]


def make_step(options, name, batch):
    torch.manual_seed(1)
    network = light_network(name, options.filters).to(options.device)
    target, mask = random_batch(batch, options.patch, options.device)
    if options.format == "channels_last_3d":
        network = network.to(memory_format=torch.channels_last_3d)
        target = target.contiguous(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.01, fused=True)

    def step():
        with torch.autocast(options.device, dtype=torch.bfloat16, enabled=options.precision == "bf16"):
            output = network(target.masked_fill(mask, 0.0))
        loss = (output.float() - target).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    return step


def measure(options, name, batch):
    step = make_step(options, name, batch)
    gpu = options.device == "cuda"
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    for _ in range(options.warmup):
        loss = step()
    marks = Marks(options.device)
    marks.mark()
    start = time.perf_counter()
    for _ in range(options.steps):
        loss = step()
        marks.mark()
    host = 1000 * (time.perf_counter() - start) / options.steps
    times = sorted(marks.milliseconds())
    if not torch.isfinite(loss).item():
        raise RuntimeError("the loss is not finite")
    fast, median, slow = statistics.quantiles(times, n=4, method="inclusive")
    peak = torch.cuda.max_memory_allocated() if gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "program": "torch eager", "network": name, "variant": options.format, "batch": batch, "steps": options.steps, "warmup": options.warmup,
        "samples_per_second": 1000 * batch / median, "low_quartile": 1000 * batch / slow, "high_quartile": 1000 * batch / fast,
        "step_ms": median, "host_ms": host, "peak_allocated_bytes": peak,
        "peak_reserved_bytes": torch.cuda.max_memory_reserved() if gpu else peak,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--format", choices=("contiguous", "channels_last_3d"), default="contiguous")
    parser.add_argument("--patch", type=int, default=128)
    parser.add_argument("--networks", default="unet_b", help="names, separated by commas")
    parser.add_argument("--filters", type=int, default=0, help="0: each network's own width")
    parser.add_argument("--batch", default="2,8", help="batch sizes, separated by commas")
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", default="")
    options = parser.parse_args()
    options.device = "cuda" if options.device == "gpu" else "cpu"
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = True
    rows = []
    for name, batch in itertools.product(options.networks.split(","), map(int, options.batch.split(","))):
        rows.append(measure(options, name, batch))
        row = rows[-1]
        print(f"{name:10} {options.format:16} batch {batch:2}  {row['samples_per_second']:8.2f} samples/s (quartiles {row['low_quartile']:.2f}, "
              f"{row['high_quartile']:.2f})  {row['step_ms']:8.2f} ms/step  host {row['host_ms']:.2f} ms/step  "
              f"peak {row['peak_allocated_bytes'] / GIB:.2f} GiB", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump(rows, out, indent=2)


if __name__ == "__main__":
    main()
