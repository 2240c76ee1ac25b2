"""The networks: torchvision trunks for one grey channel, one linear layer on top."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torchvision import models

from inference.efficientnet_lite import efficientnet_lite0
from inference.labels import NORMAL_INDEX

# Mean and spread of an equalised image: uniform on [0, 1].
INPUT_MEAN = 0.5
INPUT_SPREAD = 12**-0.5


class RadiographNet(nn.Module):
    """A torchvision trunk for one grey channel, average pooling, dropout and one linear layer.

    One linear layer on pooled features is what class activation maps need, so VGG16 gets it too in
    place of its three wide layers.
    """

    def __init__(self, trunk: nn.Module, width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, outputs)

    def features(self, batch: torch.Tensor) -> torch.Tensor:
        """Last convolutional features, (N, width, rows, columns), of inputs in [0, 1]."""
        features: torch.Tensor = self.trunk((batch - INPUT_MEAN) / INPUT_SPREAD)
        return features

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores, (N, outputs), of last convolutional features."""
        scores: torch.Tensor = self.head(self.dropout(features.mean(dim=(2, 3))))
        return scores

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Class scores, (N, outputs), of inputs (N, 1, rows, columns) in [0, 1]."""
        return self.logits(self.features(batch))


def pneumonia_logit(scores: torch.Tensor) -> torch.Tensor:
    """Log odds of pneumonia, (N,), from class scores whose first class is normal."""
    return scores[:, 1:].logsumexp(dim=1) - scores[:, NORMAL_INDEX]


def build_network(
    architecture: str, *, outputs: int = 3, dropout: float = 0.5, pretrained: bool = False
) -> RadiographNet:
    """Build a network by its torchvision name.

    The first convolution takes one channel; its weights are the sum over the colour channels, which
    for a grey image repeated three times computes the same at a third of the work.

    Parameters
    ----------
    architecture
        One of `ARCHITECTURES`.
    pretrained
        Begin with ImageNet weights: fetched by torchvision, or of an installed package.

    Raises
    ------
    KeyError
        The name is none of `ARCHITECTURES`.
    ImportError
        The weights are in the extra `imagenet`, which is not installed.
    """
    builder, trunk_of = ARCHITECTURES[architecture]
    donor = builder(weights="DEFAULT" if pretrained else None)
    trunk, width = trunk_of(donor)
    _take_one_channel(trunk)
    return RadiographNet(trunk, width, outputs, dropout)


def _take_one_channel(trunk: nn.Module) -> None:
    for parent in trunk.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d) and child.in_channels == 3:
                setattr(parent, name, _grey(child))
                return


def _grey(colour: nn.Conv2d) -> nn.Conv2d:
    size, stride, padding = colour.kernel_size, colour.stride, colour.padding
    grey = type(colour)(  # one that pads by itself does so still
        1,
        colour.out_channels,
        (size[0], size[1]),
        (stride[0], stride[1]),
        padding if isinstance(padding, str) else (padding[0], padding[1]),
        bias=colour.bias is not None,
    )
    with torch.no_grad():
        grey.weight.copy_(colour.weight.sum(dim=1, keepdim=True))
        if colour.bias is not None and grey.bias is not None:
            grey.bias.copy_(colour.bias)
    return grey


def _resnet_trunk(donor: Any) -> tuple[nn.Module, int]:  # torchvision models share no base class
    stages = (donor.layer1, donor.layer2, donor.layer3, donor.layer4)
    trunk = nn.Sequential(donor.conv1, donor.bn1, donor.relu, donor.maxpool, *stages)
    return trunk, donor.fc.in_features


def _densenet_trunk(donor: Any) -> tuple[nn.Module, int]:  # as above
    return nn.Sequential(donor.features, nn.ReLU(inplace=True)), donor.classifier.in_features


def _vgg_trunk(donor: Any) -> tuple[nn.Module, int]:  # as above
    return donor.features, 512  # channels of VGG16's last block


def _mobile_trunk(donor: Any) -> tuple[nn.Module, int]:  # as above
    return donor.features, donor.classifier[-1].in_features


TrunkOf = Callable[[Any], tuple[nn.Module, int]]
ARCHITECTURES: dict[str, tuple[Callable[..., nn.Module], TrunkOf]] = {
    "resnet18": (models.resnet18, _resnet_trunk),
    "resnet34": (models.resnet34, _resnet_trunk),
    "densenet121": (models.densenet121, _densenet_trunk),
    "vgg16": (models.vgg16, _vgg_trunk),
    "mobilenet_v2": (models.mobilenet_v2, _mobile_trunk),
    "efficientnet_lite0": (efficientnet_lite0, _mobile_trunk),
}
