"""Runs segmentation_loss_dump."""

import os
import pathlib
import subprocess

from safetensors.torch import load_file


def dump(folder, kind, levels):
    program = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "segmentation_loss_dump"
    subprocess.run([program, folder, kind, str(levels)], check=True)
    return load_file(folder / "loss.safetensors")


def largest_difference(got, expected):
    return ((got - expected).abs().max() / expected.abs().max()).item()
