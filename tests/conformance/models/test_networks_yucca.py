"""Our U-Net and MedNeXt against yucca's, the engine under the reference."""

import pytest
import torch
from torch import nn

from parity import Dump, check, check_full_width, check_losses
from reference_unet import LightDecoder
from yucca.modules.networks.networks.MedNeXt import MedNeXt
from yucca.modules.networks.networks.UNet import UNet

BLOCKS = {"mednext_m": [3, 4, 4, 4, 4, 4, 4, 4, 3], "mednext_l": [3, 4, 8, 8, 8, 8, 8, 4, 3]}
EXPANSIONS = {"mednext_m": [2, 3, 4, 4, 4, 4, 4, 3, 2], "mednext_l": [3, 4, 8, 8, 8, 8, 8, 4, 3]}
ENCODER = ("stem", "enc_block_", "down_", "bottleneck")


def yucca_unet(filters, inputs, outputs):
    return UNet(inputs, outputs, filters, conv_op=nn.Conv3d, norm_op=nn.InstanceNorm3d, dropout_op=nn.Dropout3d, deep_supervision=True)


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


class MedNeXtWithUNetDecoder(nn.Module):
    """yucca's MedNeXt down to its bottleneck; then yucca's U-Net from there up, or the light decoder."""

    def __init__(self, name, filters, inputs, outputs, light):
        super().__init__()
        whole = MedNeXt(
            inputs, outputs, nn.Conv3d, filters, EXPANSIONS[name], kernel_size=3, block_counts=BLOCKS[name], checkpoint_style=None
        )
        self.encoder = nn.Module()
        for part, module in whole.named_children():
            if part.startswith(ENCODER):
                self.encoder.add_module(part, module)
        if light:
            self.rec_head = LightDecoder(filters)
        else:
            self.pred_head = nn.Module()
            for part, module in yucca_unet(filters, inputs, outputs).named_children():
                if part.startswith(("upsample", "decoder_conv", "out_conv", "ds_out_conv")):
                    self.pred_head.add_module(part, module)

    def forward(self, x):
        features, x = [], self.encoder.stem(x)
        for level in range(4):
            features.append(getattr(self.encoder, f"enc_block_{level}")(x))
            x = getattr(self.encoder, f"down_{level}")(features[-1])
        x = self.encoder.bottleneck(x)
        if hasattr(self, "rec_head"):
            return self.rec_head(x)
        outputs = []
        for j in range(4):
            outputs.append(getattr(self.pred_head, f"ds_out_conv{j}")(x))
            up = getattr(self.pred_head, f"upsample{j + 1}")(x)
            x = getattr(self.pred_head, f"decoder_conv{j + 1}")(torch.cat([up, features[3 - j]], dim=1))
        return [self.pred_head.out_conv(x), *reversed(outputs)]


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
