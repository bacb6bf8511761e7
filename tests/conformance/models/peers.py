"""Each network as others wrote it: yucca (U-Net, MedNeXt), dynamic-network-architectures (ResEnc-L), MONAI (SwinUNETR). What none of them has, the
light decoder, is plain PyTorch. Packages are imported when a network of theirs is made: no environment has all of them.
"""

import torch
from torch import nn

from reference_unet import LightDecoder, LightUNet, Unit

WIDTHS = {"unet_b": 32, "unet_xl": 64, "mednext_m": 32, "mednext_l": 32, "resenc_l": 32, "swin_unetr": 48}
BLOCKS = {"mednext_m": [3, 4, 4, 4, 4, 4, 4, 4, 3], "mednext_l": [3, 4, 8, 8, 8, 8, 8, 4, 3]}
EXPANSIONS = {"mednext_m": [2, 3, 4, 4, 4, 4, 4, 3, 2], "mednext_l": [3, 4, 8, 8, 8, 8, 8, 4, 3]}
MEDNEXT_ENCODER = ("stem", "enc_block_", "down_", "bottleneck")


def yucca_unet(filters, inputs, outputs):
    from yucca.modules.networks.networks.UNet import UNet

    return UNet(inputs, outputs, filters, conv_op=nn.Conv3d, norm_op=nn.InstanceNorm3d, dropout_op=nn.Dropout3d, deep_supervision=True)


class MedNeXtWithUNetDecoder(nn.Module):
    """yucca's MedNeXt down to its bottleneck; then yucca's U-Net from there up, or the light decoder."""

    def __init__(self, name, filters, inputs, outputs, light):
        super().__init__()
        from yucca.modules.networks.networks.MedNeXt import MedNeXt

        whole = MedNeXt(
            inputs, outputs, nn.Conv3d, filters, EXPANSIONS[name], kernel_size=3, block_counts=BLOCKS[name], checkpoint_style=None
        )
        self.encoder = nn.Module()
        for part, module in whole.named_children():
            if part.startswith(MEDNEXT_ENCODER):
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


def residual_encoder_unet(filters, inputs, outputs, deep):
    """nnU-Net's plan ResEnc-L: six stages, at most ten times the first width."""
    from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet

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


def swin_encoder(features):
    from monai.networks.nets.swin_unetr import SwinTransformer

    return SwinTransformer(
        in_chans=1, embed_dim=features, window_size=(7, 7, 7), patch_size=(2, 2, 2), depths=(2, 2, 2, 2), num_heads=(3, 6, 12, 24)
    )


class SwinWithLightDecoder(nn.Module):
    """The Swin encoder with the light decoder, which nobody else has."""

    def __init__(self, features):
        super().__init__()
        self.swinViT = swin_encoder(features)
        self.rec_head = nn.Module()
        channels = 16 * features
        for j in range(1, 6):
            channels //= 2
            self.rec_head.add_module(f"upsample{j}", nn.ConvTranspose3d(2 * channels, channels, 2, stride=2))
            self.rec_head.add_module(f"decoder_conv{j}", nn.ModuleDict({"conv1": Unit(channels, channels)}))
        self.rec_head.add_module("out_conv", nn.Conv3d(channels, 1, 1))

    def forward(self, x):
        x = self.swinViT(x)[4]
        for j in range(1, 6):
            x = getattr(self.rec_head, f"decoder_conv{j}")["conv1"](getattr(self.rec_head, f"upsample{j}")(x))
        return self.rec_head.out_conv(x)


def light_network(name, filters=0):
    """For pretraining, as our network of that name; `filters` 0: its own width."""
    filters = filters or WIDTHS[name]
    if name.startswith("unet"):
        return LightUNet(filters)
    if name.startswith("mednext"):
        return MedNeXtWithUNetDecoder(name, filters, 1, 1, light=True)
    return {"resenc_l": LightResEnc, "swin_unetr": SwinWithLightDecoder}[name](filters)
