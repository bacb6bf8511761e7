"""./dev bench data: ingest against yucca 1.1.7, crops against float32 .npy and against nnU-Net's own .b2nd, all in one run, in turn, one
thread each. Prints the tables of docs/benchmarks/data.md.

AMAES_BUILD_DIR: build folder. AMAES_TEST_DATA: real scans. AMAES_YUCCA: the Python that has yucca.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

import blosc2
import numpy
from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params, nnUNetDatasetBlosc2

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLOSC_NTHREADS", "NUMEXPR_NUM_THREADS")}
HEADS = ("oms-long-p01_study1_T2w", "colin27_T1w", "brainchop_T1w")  # with skin and air, about 1 mm


class Server:
    def __init__(self, *command):
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **ONE_THREAD})

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)


def spread(values, unit=1.0, digits=1):
    low, mid, high = (numpy.quantile(values, q) * unit for q in (0.25, 0.5, 0.75))
    return f"{mid:.{digits}f} ({low:.{digits}f} … {high:.{digits}f})"


def bench_ingest(ours, yucca, scans, folder, rounds):
    """Each round takes every scan through both, one right after the other."""
    times = {"amaes": [], "yucca": []}
    ratios, stages, voxels = [], [], 0
    for _ in range(rounds):
        for path in scans:
            theirs = yucca.ask("ingest", path, folder / "yucca")
            if "refused" in theirs:
                continue
            mine = ours.ask("ingest", path, folder / "amaes")
            assert mine["voxels"] == theirs["voxels"], path
            times["amaes"].append(mine["voxels"] / mine["seconds"])
            times["yucca"].append(theirs["voxels"] / theirs["seconds"])
            ratios.append(theirs["seconds"] / mine["seconds"])
            stages.append([mine[s] / mine["seconds"] for s in ("read", "contract", "store")])
            voxels += mine["voxels"]
    table(["ingest, one core", "Mvoxel/s of the source: median (quartiles)"],
          [[name, spread(values, 1e-6, 2)] for name, values in times.items()] + [["amaes ÷ yucca, pair by pair", spread(ratios, 1, 1)]])
    share = numpy.mean(stages, axis=0)
    print(f"{len(scans)} scans, {rounds} rounds, {voxels / 1e6:.0f} Mvoxel; of our time {share[0]:.0%} reading, {share[1]:.0%} the contract, "
          f"{share[2]:.0%} storing.\n")


def drop_cache(path):
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def crop_npy(path, box, cold, kept):
    if cold:
        kept.pop(path, None)
        drop_cache(path)
    begin = time.perf_counter()
    if path not in kept:
        kept[path] = numpy.load(path, mmap_mode="r")
    numpy.array(kept[path][box])
    return time.perf_counter() - begin


def crop_nnunet(folder, name, box, cold, kept):
    path = folder / f"{name}.b2nd"
    if cold:
        kept.pop(path, None)
        drop_cache(path)
    begin = time.perf_counter()
    if path not in kept:
        kept[path] = nnUNetDatasetBlosc2(str(folder), [name]).load_case(name)[0]
    numpy.asarray(kept[path][(slice(0, 1), *box)])
    return time.perf_counter() - begin


def prepare(ours, scans, folder):
    """The same preprocessed volume in three formats."""
    volumes = []
    for path in scans:
        name = path.name.split(".")[0]
        shape = ours.ask("prepare", path, folder / name)["shape"]
        data = numpy.load(folder / f"{name}.npy")[None]
        blocks, chunks = comp_blosc2_params(data.shape, (128, 128, 128))
        nnunet = folder / "nnunet"
        nnunet.mkdir(exist_ok=True)
        nnUNetDatasetBlosc2.save_case(data, numpy.zeros(data.shape, numpy.int8), {}, str(nnunet / name), chunks=chunks, blocks=blocks,
                                      chunks_seg=chunks, blocks_seg=blocks)
        volumes.append((name, shape))
    os.sync()
    return volumes


def bench_crops(ours, volumes, folder, side, cold, crops):
    random = numpy.random.default_rng(7)
    formats = {"amaes .b2nd": [], "float32 .npy, memmap": [], "nnU-Net .b2nd": []}
    kept = {}
    for name, shape in volumes:
        ours.ask("open", folder / f"{name}.b2nd")
        for _ in range(crops):
            size = [min(side, n) for n in shape]
            start = [int(random.integers(0, n - s + 1)) for n, s in zip(shape, size)]
            box = tuple(slice(a, a + s) for a, s in zip(start, size))
            formats["amaes .b2nd"].append(ours.ask("crop", *start, *size, int(cold))["seconds"])
            formats["float32 .npy, memmap"].append(crop_npy(folder / f"{name}.npy", box, cold, kept))
            formats["nnU-Net .b2nd"].append(crop_nnunet(folder / "nnunet", name, box, cold, kept))
    mine = formats["amaes .b2nd"]
    title = f"crop {side}³, {'cold' if cold else 'warm'}"
    table([title, "ms: median (quartiles)", "crops/s", "its time ÷ ours, pair by pair"],
          [[name, spread(values, 1e3), f"{1 / statistics.median(values):.0f}", spread([v / m for v, m in zip(values, mine)], 1, 2)]
           for name, values in formats.items()])


def bytes_on_disk(volumes, folder):
    rows = []
    floats = sum((folder / f"{name}.npy").stat().st_size for name, _ in volumes)
    for title, path in (("amaes .b2nd", "{}.b2nd"), ("float32 .npy", "{}.npy"), ("nnU-Net .b2nd", "nnunet/{}.b2nd")):
        size = sum((folder / path.format(name)).stat().st_size for name, _ in volumes)
        rows.append([title, f"{size / 1e6:.1f}", f"{size / floats:.3f}"])
    table(["bytes on disk", "MB", "÷ float32"], rows)


def choices(volumes, folder, crops):
    """Codec, filter and block beside each other on the voxels as they are stored; python-blosc2, one thread, warm, in turn."""
    arrays = [numpy.asarray(blosc2.open(str(folder / f"{name}.b2nd"), mode="r")[:]) for name, _ in volumes]
    random = numpy.random.default_rng(7)
    rows = {}
    for codec, level in ((blosc2.Codec.ZSTD, 5), (blosc2.Codec.ZSTD, 1), (blosc2.Codec.LZ4, 1), (blosc2.Codec.LZ4HC, 5)):
        for filter_ in (blosc2.Filter.BITSHUFFLE, blosc2.Filter.SHUFFLE):
            for chunk, block in ((64, 16), (64, 32), (128, 32)):
                begin = time.perf_counter()
                stored = [blosc2.asarray(a, chunks=[min(chunk, n) for n in a.shape], blocks=[min(block, n) for n in a.shape],
                                         cparams={"codec": codec, "clevel": level, "filters": [filter_], "nthreads": 1}) for a in arrays]
                rows[f"{codec.name} {level}, {filter_.name.lower()}, chunk {chunk}, block {block}"] = (stored, time.perf_counter() - begin, [])
    for _ in range(crops):
        starts = [[int(random.integers(0, max(1, n - 128 + 1))) for n in a.shape] for a in arrays]
        for stored, _, times in rows.values():
            for array, start in zip(stored, starts):
                begin = time.perf_counter()
                array[tuple(slice(s, s + 128) for s in start)]
                times.append(time.perf_counter() - begin)
    floats = sum(a.size * 4 for a in arrays)
    table(["choice", "÷ float32", "write, s per volume", "crop 128³, ms: median (quartiles)"],
          [[name, f"{sum(a.schunk.cbytes for a in stored) / floats:.3f}", f"{seconds / len(arrays):.2f}", spread(times, 1e3)]
           for name, (stored, seconds, times) in rows.items()])


def main():
    parser = argparse.ArgumentParser(prog="./dev bench data")
    parser.add_argument("--rounds", type=int, default=2, help="of the ingest")
    parser.add_argument("--crops", type=int, default=40, help="per volume and kind")
    arguments = parser.parse_args()
    blosc2.set_nthreads(1)
    data = pathlib.Path(os.environ["AMAES_TEST_DATA"]) / "train"
    scans = sorted(data.glob("*.nii*"))
    heads = [path for path in scans if path.name.split(".")[0] in HEADS]
    if len(heads) != len(HEADS):
        raise SystemExit(f"bench data: {data} holds {len(heads)} of {', '.join(HEADS)}")
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"{time.strftime('%Y-%m-%d')}, {model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    ours = Server(pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "bench" / "volume_server")
    yucca = Server(os.environ["AMAES_YUCCA"], pathlib.Path(__file__).parent / "yucca_server.py")
    with tempfile.TemporaryDirectory(prefix="amaes-bench-", dir=os.environ.get("AMAES_BENCH_DIR")) as name:
        folder = pathlib.Path(name)
        bench_ingest(ours, yucca, scans, folder, arguments.rounds)
        volumes = prepare(ours, heads, folder)
        bytes_on_disk(volumes, folder)
        for side in (128, 181):
            for cold in (False, True):
                bench_crops(ours, volumes, folder, side, cold, arguments.crops if not cold else max(4, arguments.crops // 4))
        choices(volumes, folder, max(4, arguments.crops // 4))


if __name__ == "__main__":
    main()
