"""A small detector that answers a grid: how likely a symbol has its centre here, how large it is, how far off."""

import torch
from torch import nn
from torch.nn import functional

STRIDE = 4


def block(inputs, outputs, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.both = nn.Sequential(block(channels, channels), block(channels, channels))

    def forward(self, x):
        return x + self.both(x)


class Detector(nn.Module):
    """Takes (batch, 1, height, width), sides multiples of 8; gives heat, sizes and offsets for each 4 x 4 pixels."""

    def __init__(self, kinds, width=16):
        super().__init__()
        self.stem = nn.Sequential(block(1, width, 2), block(width, 2 * width, 2), Residual(2 * width))
        self.deep = nn.Sequential(block(2 * width, 3 * width, 2), Residual(3 * width), Residual(3 * width))
        self.join = nn.Sequential(block(5 * width, 2 * width), Residual(2 * width))
        self.heat = nn.Conv2d(2 * width, kinds, 1)
        self.shape = nn.Conv2d(2 * width, 4, 1)
        nn.init.constant_(self.heat.bias, -4.0)  # almost everywhere there is nothing

    def forward(self, x):
        near = self.stem(x)
        far = functional.interpolate(self.deep(near), scale_factor=2.0, mode="nearest")
        joined = self.join(torch.cat([near, far], dim=1))
        shape = self.shape(joined)
        return torch.sigmoid(self.heat(joined)), functional.softplus(shape[:, :2]), shape[:, 2:]
