"""Our U-Net and MedNeXt against yucca's, the engine under the reference."""

import pytest
import torch
from torch import nn

from parity import Dump, check, check_full_width, check_losses
from peers import MedNeXtWithUNetDecoder, yucca_unet


class AblatedUNet(nn.Module):
    """yucca's U-Net without its skips, or with one convolution per level of the decoder instead of two; one output."""

    def __init__(self, filters, form):
        super().__init__()
        self.skips, light = form == "light_skips", form == "light_skips"
        whole = yucca_unet(filters, 1, 1)
        self.encoder, self.rec_head = nn.Module(), nn.Module()
        for part, module in whole.named_children():
            if part.startswith(("in_conv", "encoder_conv", "pool")):
                self.encoder.add_module(part, module)
            elif part.startswith(("upsample", "decoder_conv", "out_conv")):
                self.rec_head.add_module(part, module)
        for j in range(1, 5):
            stage = getattr(self.rec_head, f"decoder_conv{j}")
            if light:
                stage.conv2 = nn.Identity()
            if not self.skips:
                channels = stage.conv1.conv.out_channels
                stage.conv1.conv = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, x):
        features = [self.encoder.in_conv(x)]
        for level in range(1, 5):
            features.append(getattr(self.encoder, f"encoder_conv{level}")(getattr(self.encoder, f"pool{level}")(features[-1])))
        x = features.pop()
        for j in range(1, 5):
            x = getattr(self.rec_head, f"upsample{j}")(x)
            if self.skips:
                x = torch.cat([x, features[-j]], dim=1)
            x = getattr(self.rec_head, f"decoder_conv{j}")(x)
        return self.rec_head.out_conv(x)


def unet_name(name):
    return ("encoder." if name.startswith(("in_conv", "encoder_conv")) else "pred_head.") + name


@pytest.mark.parametrize("precision", ["f64", "f32"])
def test_unet_for_segmentation(tmp_path, precision):
    dump = Dump(tmp_path / "dump", "unet", 4, "32x32x32", 2, 3, "standard", 10 if precision == "f64" else 1, precision)
    network = yucca_unet(4, 2, 3)
    check(dump, network, unet_name)
    check_losses(dump, network)


@pytest.mark.parametrize("form", ["light_skips", "standard_blind"])
@pytest.mark.parametrize("precision", ["f64", "f32"])
def test_unet_for_ablations(tmp_path, precision, form):
    dump = Dump(tmp_path / "dump", "unet", 4, "32x32x32", 1, 1, form, 10 if precision == "f64" else 1, precision)
    network = AblatedUNet(4, form)
    check(dump, network)
    check_losses(dump, network)


@pytest.mark.parametrize("form", ["light", "standard"])
@pytest.mark.parametrize("name", ["mednext_m", "mednext_l"])
@pytest.mark.parametrize("precision", ["f64", "f32"])
def test_mednext(tmp_path, precision, name, form):
    light = form == "light"
    dump = Dump(tmp_path / "dump", name, 4, "32x32x32", 1, 1 if light else 3, form, 10 if precision == "f64" else 1, precision)
    network = MedNeXtWithUNetDecoder(name, 4, 1, 1 if light else 3, light)
    check(dump, network)
    check_losses(dump, network)


@pytest.mark.parametrize("name", ["mednext_m", "mednext_l"])
def test_mednext_in_full(tmp_path, name):
    dump = Dump(tmp_path / "dump", name, 0, "32x32x32", 1, 1, "light", 1, "f32")
    check_full_width(dump, MedNeXtWithUNetDecoder(name, 32, 1, 1, True))
    dump.remove()
