"""The AMAES U-Net with the light decoder, in plain PyTorch, from its description (names, shapes and order of operations)."""

import torch
from torch import nn


class Unit(nn.Module):
    """3x3x3 convolution, instance norm, LeakyReLU."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, kernel_size=3, padding=1, bias=True)
        self.norm = nn.InstanceNorm3d(outputs, eps=1e-5, momentum=0.1, affine=True)
        self.act = nn.LeakyReLU(0.01)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


class Stage(nn.Module):
    def __init__(self, inputs, outputs, units):
        super().__init__()
        self.count = units
        for i in range(units):
            setattr(self, f"conv{i + 1}", Unit(inputs if i == 0 else outputs, outputs))

    def forward(self, x):
        for i in range(self.count):
            x = getattr(self, f"conv{i + 1}")(x)
        return x


class Encoder(nn.Module):
    def __init__(self, filters):
        super().__init__()
        self.in_conv = Stage(1, filters, 2)
        for level in range(1, 5):
            setattr(self, f"encoder_conv{level}", Stage(filters << (level - 1), filters << level, 2))
        self.pool = nn.MaxPool3d(2)

    def forward(self, x):
        x = self.in_conv(x)
        for level in range(1, 5):
            x = getattr(self, f"encoder_conv{level}")(self.pool(x))
        return x


class LightDecoder(nn.Module):
    def __init__(self, filters):
        super().__init__()
        for j in range(1, 5):
            outputs = filters << (4 - j)
            setattr(self, f"upsample{j}", nn.ConvTranspose3d(2 * outputs, outputs, kernel_size=2, stride=2))
            setattr(self, f"decoder_conv{j}", Stage(outputs, outputs, 1))
        self.out_conv = nn.Conv3d(filters, 1, kernel_size=1)

    def forward(self, x):
        for j in range(1, 5):
            x = getattr(self, f"decoder_conv{j}")(getattr(self, f"upsample{j}")(x))
        return self.out_conv(x)


class LightUNet(nn.Module):
    def __init__(self, filters=32):
        super().__init__()
        self.encoder = Encoder(filters)
        self.rec_head = LightDecoder(filters)

    def forward(self, x):
        return self.rec_head(self.encoder(x))
