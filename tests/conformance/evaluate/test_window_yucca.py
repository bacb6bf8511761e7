"""Our sliding window against yucca's own (plain sum, mirrored) and MONAI's (Gaussian), with one U-Net and its weights."""

import os
import pathlib
import subprocess

import numpy
import pytest
import torch
from monai.inferers import sliding_window_inference
from safetensors.numpy import load_file, save_file
from torch import nn
from yucca.modules.networks.networks.UNet import UNet

torch.set_num_threads(1)
PATCH = (32, 48, 32)
SHAPE = (53, 64, 40)


def dump(*words):
    program = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "evaluate_dump"
    subprocess.run([program, *map(str, words)], check=True)


def volume(shape=SHAPE):
    return numpy.random.default_rng(7).random((1, 2, *shape), dtype=numpy.float32)


def network(folder):
    """Yucca's U-Net with our weights: its names are ours without the prefixes."""
    unet = UNet(2, 3, 4, nn.Conv3d, norm_op=nn.InstanceNorm3d, dropout_op=nn.Dropout3d)
    weights = {name.split(".", 1)[1]: torch.from_numpy(value) for name, value in load_file(folder / "model.safetensors").items()}
    nn.Module.load_state_dict(unet, weights, strict=True)
    return unet.eval()


def ours(folder, data, weights="sum", overlap=0.5, mirror="000", batch=1, patch=PATCH):
    save_file({"volume": data}, folder / "volume.safetensors")
    dump("window", folder, weights, overlap, mirror, batch, *patch)
    return torch.from_numpy(load_file(folder / "logits.safetensors")["logits"])


def agree(got, expected):
    difference = (got - expected).norm() / expected.norm()
    print(f"\nrelative difference: {difference:.1e}")
    assert difference < 1e-5
    # Where the two largest logits are nearly equal, rounding decides.
    assert (got.argmax(1) != expected.argmax(1)).float().mean() < 1e-4


@pytest.mark.parametrize("overlap", [0, 0.5, 0.7])
def test_plain_sum_is_yuccas(tmp_path, overlap):
    got = ours(tmp_path, volume(), overlap=overlap)
    with torch.no_grad():
        expected = network(tmp_path).predict("3D", torch.from_numpy(volume()), PATCH, overlap, device="cpu")
    agree(got, expected)


def test_mirrored_is_yuccas(tmp_path):
    data = volume((40, 48, 35))
    got = ours(tmp_path, data, mirror="111", batch=3)
    with torch.no_grad():
        expected = network(tmp_path).predict("3D", torch.from_numpy(data), PATCH, 0.5, mirror=True, device="cpu")
    agree(got, expected)


@pytest.mark.parametrize("overlap", [0.25, 0.5])
def test_gaussian_is_monais(tmp_path, overlap):
    got = ours(tmp_path, volume(), "gaussian", overlap, batch=2)
    with torch.no_grad():
        expected = sliding_window_inference(torch.from_numpy(volume()), PATCH, 1, network(tmp_path), overlap, mode="gaussian")
    agree(got, expected)


def test_small_volume_is_padded_as_monais(tmp_path):
    data = volume((20, 64, 31))
    got = ours(tmp_path, data, "gaussian")
    with torch.no_grad():
        expected = sliding_window_inference(torch.from_numpy(data), PATCH, 1, network(tmp_path), 0.5, mode="gaussian")
    agree(got, expected)
