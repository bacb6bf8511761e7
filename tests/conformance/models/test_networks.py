"""Our networks against dynamic-network-architectures' ResidualEncoderUNet, and against the light U-Net in plain PyTorch."""

import pytest
from torch import nn

from parity import Dump, check, check_full_width, check_losses
from peers import LightResEnc, residual_encoder_unet
from reference_unet import LightUNet

PRECISIONS = ["f64", "f32"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_light_unet(tmp_path, precision):
    dump = Dump(tmp_path / "dump", "unet", 4, "32x32x32", 1, 1, "light", 10 if precision == "f64" else 1, precision)
    network = LightUNet(filters=4)
    check(dump, network)
    check_losses(dump, network)


def resenc_run(precision, inputs, outputs, form):
    """The deepest norms see 8 voxels: over 2 they say no more than a sign, and gradients are rounding."""
    return "64x64x64", inputs, outputs, form, 10 if precision == "f64" else 1, precision


@pytest.mark.parametrize("precision", PRECISIONS)
def test_resenc_for_segmentation(tmp_path, precision):
    dump = Dump(tmp_path / "dump", "resenc_l", 3, *resenc_run(precision, 2, 3, "standard"))
    network = residual_encoder_unet(3, 2, 3, deep=True)
    check(dump, network)
    check_losses(dump, network)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_resenc_for_pretraining(tmp_path, precision):
    dump = Dump(tmp_path / "dump", "resenc_l", 3, *resenc_run(precision, 1, 1, "light"))
    network = LightResEnc(3)
    check(dump, network)
    check_losses(dump, network)


def test_resenc_with_skips_for_pretraining(tmp_path):
    """nnU-Net's network, of whose outputs the finest is left. Its pieces are compared in double above: in fp32 alone, for it takes long."""
    dump = Dump(tmp_path / "dump", "resenc_l", 3, *resenc_run("f32", 1, 1, "light_skips"))
    network = residual_encoder_unet(3, 1, 1, deep=False)
    for stage in range(4):
        network.decoder.seg_layers[stage] = nn.Identity()
    check(dump, network)


def full_width(tmp_path, name, patch, network):
    """One forward pass of the network as it is used, in fp32."""
    dump = Dump(tmp_path / "dump", name, 0, patch, 1, 1, "light", 1, "f32")
    check_full_width(dump, network)
    dump.remove()


def test_unet_b_and_xl_in_full(tmp_path):
    full_width(tmp_path, "unet_b", "32x32x32", LightUNet(32))
    full_width(tmp_path, "unet_xl", "32x32x32", LightUNet(64))


def test_resenc_l_in_full(tmp_path):
    full_width(tmp_path, "resenc_l", "64x64x32", LightResEnc(32))
    assert sum(p.numel() for p in residual_encoder_unet(32, 1, 2, False).parameters()) == 102_349_770


def test_stock_nnunet_names():
    """What is left out of our names are the second names of the same tensors."""
    state = residual_encoder_unet(2, 1, 2, False).state_dict()
    ours = {name for name in state if ".all_modules." not in name and not name.startswith("decoder.encoder.")}
    assert ours == {name for name, _ in residual_encoder_unet(2, 1, 2, False).named_parameters()}
