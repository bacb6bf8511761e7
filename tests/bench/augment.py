"""./dev bench augment: the CPU cost of augmentation per 128³ sample against yucca 1.1.7, in one run, in turn, one thread each, with the
same draws. Prints the tables of docs/benchmarks/augment.md. All times are seconds of a core (CPU time of each process).

AMAES_BUILD_DIR: build folder. AMAES_TEST_DATA: real scans.
"""
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import pathlib
import tempfile
import time

import numpy

import transform_peer as peer

PATCH, CROP = (128, 128, 128), (181, 181, 181)
IDENTITY = numpy.eye(3)


def theirs(function, *arguments, **named):
    begin = time.process_time()
    function(*arguments, **named)
    return time.process_time() - begin


def spread(values, unit=1e3, digits=1):
    low, mid, high = (numpy.quantile(values, q) * unit for q in (0.25, 0.5, 0.75))
    return f"{mid:.{digits}f} ({low:.{digits}f} … {high:.{digits}f})"


def row(name, ours, other):
    print(f"| {name} | {spread(ours)} | {spread(other)} | {spread(numpy.array(other) / numpy.array(ours), 1, 0)} |", flush=True)


def header(title, unit="ms of a core: median (quartiles)"):
    print(f"| {title} | amaes, {unit} | yucca | yucca ÷ amaes, pair by pair |\n|---|---|---|---|")


def spatial_order(matrix, elastic=None):
    order = {"patch": PATCH, "middle": peer.middle(CROP, PATCH), "matrix": numpy.asarray(matrix).reshape(-1).tolist()}
    if elastic:
        order["alpha"], order["sigma"] = elastic
    return order


def bench_spatial(server, crop, rounds):
    server.load(crop)
    server.load(numpy.random.default_rng(1).uniform(-1, 1, (3, *PATCH)), "noise")
    angles = (0.3, -0.2, 0.4)
    cases = {
        "spatial, nothing fires (half-voxel shift)": ({}, spatial_order(IDENTITY)),
        "scale": ({"factor": 1.07}, spatial_order(IDENTITY * 1.07)),
        "rotation": ({"angles": angles}, spatial_order(peer.rotation(angles))),
        "elastic": ({"elastic": (400, 25.0, None)}, spatial_order(IDENTITY, (400, 25.0))),
        "elastic, rotation and scale": ({"elastic": (400, 25.0, None), "angles": angles, "factor": 1.07}, spatial_order(peer.rotation(angles) * 1.07, (400, 25.0))),
    }
    for name, (draw, order) in cases.items():
        ours, other = [], []
        for _ in range(rounds):
            ours.append(server.ask("spatial", **order)["seconds"])
            # yucca draws the noise of the deformation inside; ours is a field of its own.
            if "alpha" in order:
                ours[-1] += server.ask("field", normal=False, count=3 * 128**3, seed=1, position=1, field=0)["seconds"]
            other.append(theirs(peer.yucca_spatial, crop, PATCH, **draw))
        row(name, ours, other)


def bench_intensity(server, patch, rounds):
    server.load(patch)
    server.load(numpy.random.default_rng(1).normal(size=PATCH), "noise")
    noise = lambda: server.ask("field", normal=True, count=128**3, seed=1, position=1, field=0)["seconds"]  # noqa: E731
    cases = {
        "additive noise": ("additive_noise", {"sigma": 5e-4}, lambda: peer.yucca_noise("additive_noise", patch, 5e-4, None)),
        "blur": ("blur", {"sigma": 0.8}, lambda: peer.yucca_blur(patch, 0.8)),
        "multiplicative noise": ("multiplicative_noise", {"sigma": 5e-4}, lambda: peer.yucca_noise("multiplicative_noise", patch, 5e-4, None)),
        "ghosting": ("ghosting", {"alpha": 0.9, "repeats": 3, "axis": 1}, lambda: peer.yucca_ghosting(patch, 0.9, 3, 1)),
        "ringing": ("ringing", {"kept": 110, "axis": 0}, lambda: peer.yucca_ringing(patch, 110, 0)),
        "low resolution, one axis": ("low_resolution", {"coarse": (128, 96, 128)}, lambda: peer.yucca_low_resolution(patch, (128, 96, 128))),
        "bias field": ("bias_field", {"brightest": (40, 70, 90)}, lambda: peer.yucca_bias_field(patch, (40, 70, 90))),
        "gamma": ("gamma", {"gamma": 1.4, "invert": False, "epsilon": 1}, lambda: peer.yucca_gamma(patch, 1.4, False, 1)),
    }
    for name, (op, order, function) in cases.items():
        ours, other = [], []
        for _ in range(rounds):
            ours.append(server.ask(op, **order)["seconds"] + (noise() if "noise" in op else 0))
            other.append(theirs(function))
        row(name, ours, other)


def yucca_sample(crop, spatial, intensity):
    """One sample with the given draws; noise is yucca's own."""
    angles = [angle or 0 for angle in spatial["angles"]]
    patch = peer.yucca_spatial(
        crop, PATCH, angles=angles if any(angles) else None, factor=spatial["factor"],
        elastic=(spatial["alpha"], spatial["sigma"], None) if spatial["elastic"] else None)
    target = patch.copy()
    if intensity["additive_noise"]:
        patch = peer.yucca_noise("additive_noise", patch, intensity["additive_noise"], None)
    if intensity["blur"]:
        patch = peer.yucca_blur(patch, intensity["blur"])
    if intensity["multiplicative_noise"]:
        patch = peer.yucca_noise("multiplicative_noise", patch, intensity["multiplicative_noise"], None)
    if intensity["ghosting"]:
        patch = peer.yucca_ghosting(patch, *intensity["ghosting"])
    if intensity["ringing"]:
        patch = peer.yucca_ringing(patch, *intensity["ringing"])
    if intensity["low_resolution"]:
        patch = peer.yucca_low_resolution(patch, intensity["low_resolution"])
    if intensity["bias_field"]:
        patch = peer.yucca_bias_field(patch, intensity["bias_field"])
    if intensity["gamma"]:
        patch = peer.yucca_gamma(patch, *intensity["gamma"], 1)
    return patch, target


def bench_samples(server, crop, samples):
    server.load(crop)
    draws = server.ask("draws", preset="reference", seed=1, count=samples, patch=PATCH)
    ours = {"reference": [], "intended": []}
    other = []
    for position in range(samples):
        for preset, times in ours.items():
            times.append(server.ask("sample", preset=preset, seed=1, position=position, patch=PATCH)["seconds"])
        other.append(theirs(yucca_sample, crop, draws["spatial"][position], draws["intensity"][position]))
    print("| whole sample, ms of a core | mean | median (quartiles) | yucca's mean ÷ ours | yucca ÷ ours, pair by pair |\n|---|---|---|---|---|")
    print(f"| yucca | {numpy.mean(other) * 1e3:.0f} | {spread(other, 1e3, 0)} | | |")
    for preset, times in ours.items():
        ratio = numpy.array(other) / numpy.array(times)
        print(f"| amaes, `{preset}` | {numpy.mean(times) * 1e3:.1f} | {spread(times)} | {numpy.mean(other) / numpy.mean(times):.0f} | {spread(ratio, 1, 0)} |")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench augment")
    parser.add_argument("--rounds", type=int, default=7, help="of each transform")
    parser.add_argument("--samples", type=int, default=60)
    arguments = parser.parse_args()
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown processor")
    head = peer.preprocessed(pathlib.Path(os.environ["AMAES_TEST_DATA"]) / "train" / "colin27_T1w.nii.gz")
    crop = peer.centre(head, 181)
    patch = numpy.ascontiguousarray(peer.centre(head, 128))
    with tempfile.TemporaryDirectory(prefix="amaes-bench-") as folder:
        server = peer.Transforms(folder)
        kernels = server.ask("kernels")["name"]
        print(f"{time.strftime('%Y-%m-%d')}, {model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; our kernels: {kernels}\n")
        bench_samples(server, crop, arguments.samples)
        header("transform alone")
        bench_spatial(server, crop, arguments.rounds)
        bench_intensity(server, patch, arguments.rounds)
        print()
        server.close()


if __name__ == "__main__":
    main()
