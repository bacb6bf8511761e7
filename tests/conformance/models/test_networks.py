"""Our networks against dynamic-network-architectures' ResidualEncoderUNet, and against the light U-Net in plain PyTorch."""

import pytest
from torch import nn

from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet
from parity import Dump, check, check_full_width, check_losses
from reference_unet import LightUNet

PRECISIONS = ["f64", "f32"]


def residual_encoder_unet(filters, inputs, outputs, deep):
    """nnU-Net's plan ResEnc-L: six stages, at most ten times the first width."""
    widths = [min(filters << i, 10 * filters) for i in range(6)]
    return ResidualEncoderUNet(
        inputs, 6, widths, nn.Conv3d, 3, [1, 2, 2, 2, 2, 2], [1, 3, 4, 6, 6, 6], outputs, 1, True, nn.InstanceNorm3d,
        {"eps": 1e-5, "affine": True}, None, None, nn.LeakyReLU, {"inplace": True}, deep,
    )


class LightResEnc(nn.Module):
    """The same encoder; a decoder that never sees its levels, and one output."""

    def __init__(self, filters, inputs=1):
        super().__init__()
        self.encoder = residual_encoder_unet(filters, inputs, 1, False).encoder
        widths = self.encoder.output_channels
        self.decoder = nn.Module()
        self.decoder.stages = nn.ModuleList()
        self.decoder.transpconvs = nn.ModuleList()
        for coarse, fine in zip(widths[:0:-1], widths[-2::-1]):
            unit = nn.Module()
            unit.convs = nn.ModuleList([nn.Module()])
            unit.convs[0].conv = nn.Conv3d(fine, fine, 3, padding=1)
            unit.convs[0].norm = nn.InstanceNorm3d(fine, affine=True)
            self.decoder.stages.append(unit)
            self.decoder.transpconvs.append(nn.ConvTranspose3d(coarse, fine, 2, 2))
        self.decoder.seg_layers = nn.ModuleDict({"4": nn.Conv3d(filters, 1, 1)})

    def forward(self, x):
        x = self.encoder(x)[-1]
        for up, unit in zip(self.decoder.transpconvs, self.decoder.stages):
            x = nn.functional.leaky_relu(unit.convs[0].norm(unit.convs[0].conv(up(x))), 0.01)
        return self.decoder.seg_layers["4"](x)


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
