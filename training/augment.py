"""Changes a batch of training images at random, all at once, on whatever device they lie.

Written on whole batches because per-image transforms cost more than the training step itself
would on two cores; every change here has a MONAI or torchvision namesake, named on the line.
"""

import math

import torch
from torch.nn import functional

from config.training import Augmentation

GREY_LEVELS = 256
TONE_POINTS = 8  # control points of the random tone curve
BLACK_STEP = 7  # every so many pixels tell an image's quantiles well enough
BLUR_SIGMA = 1.5  # pixels at the training size


def augment(
    images: torch.Tensor, *, size: int, limits: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Draw one random version of every image.

    Parameters
    ----------
    images
        uint8, (N, 224, 224).
    size
        Pixels per side of the result.

    Returns
    -------
    torch.Tensor
        float32, (N, 1, size, size), in [0, 1].
    """
    draw = _Draw(len(images), generator, images.device)
    batch = images[:, None].float() / 255.0
    if limits.amplitude_mix:
        batch = _mix_amplitudes(batch, limits, draw)
    if limits.black_fraction:
        batch = _blacken(batch, limits, draw)
    batch = _move(batch, size, limits, draw)
    batch = _tone(batch, limits, draw)
    if limits.bias_strength:
        batch = batch + _bias(size, limits, draw)
    if limits.coarseness:
        batch = _coarsen(batch, limits, draw)
    if limits.sharpness:
        batch = _sharpen(batch, limits, draw)
    if limits.noise:
        amount = draw.sometimes(0.3) * draw.uniform(0, limits.noise)
        batch = batch + _per_image(amount) * draw.normal(1, size, size)
    if limits.border_fraction:
        batch = _cover_borders(batch, limits, draw)
    if limits.erasing_fraction:
        batch = _erase(batch, limits, draw)
    return batch.clamp(0, 1)


class _Draw:
    """Random numbers, one per image of a batch."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        drawn = torch.rand(self.count, *shape, generator=self.generator, device=self.device)
        return low + (high - low) * drawn

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(self.count, *shape, generator=self.generator, device=self.device)

    def sometimes(self, fraction: float) -> torch.Tensor:
        return (self.uniform(0, 1) < fraction).float()

    def factor(self, limit: float) -> torch.Tensor:
        """Between 1 / limit and limit, evenly on the logarithm."""
        return torch.exp(self.uniform(-math.log(limit), math.log(limit)))


def _per_image(values: torch.Tensor) -> torch.Tensor:
    return values[:, None, None, None]


def _mix_amplitudes(batch: torch.Tensor, limits: Augmentation, draw: _Draw) -> torch.Tensor:
    """Blend the amplitudes of some images' spectra with those of another image of the batch.

    The phases stay, and with them what lies where; grey level, contrast and sharpness, by which a
    film of the well can be told from one of the ill, become those of any film (Xu et al. 2021,
    arXiv 2105.14075, "amplitude mix").
    """
    share = _per_image(draw.sometimes(0.5) * draw.uniform(0, limits.amplitude_mix))
    others = torch.randperm(draw.count, generator=draw.generator, device=draw.device)
    spectrum = torch.fft.rfft2(batch)
    amplitude = spectrum.abs()
    blended = torch.lerp(amplitude, amplitude[others], share)
    spectrum = spectrum * (blended / amplitude.clamp(min=1e-6))
    mixed: torch.Tensor = torch.fft.irfft2(spectrum, s=batch.shape[-2:])
    return mixed.clamp(0, 1)


def _blacken(batch: torch.Tensor, limits: Augmentation, draw: _Draw) -> torch.Tensor:
    """Make the darkest part of some images one level, black or its own (clipping, collimation)."""
    part = draw.sometimes(0.5) * draw.uniform(0, limits.black_fraction)
    ordered = batch.flatten(1)[:, ::BLACK_STEP].sort(dim=1).values
    place = (part * (ordered.shape[1] - 1)).long()
    level = ordered.gather(1, place[:, None])[:, 0]
    becomes = level * draw.sometimes(0.5)
    return torch.where(batch <= _per_image(level), _per_image(becomes), batch)


def _move(batch: torch.Tensor, size: int, limits: Augmentation, draw: _Draw) -> torch.Tensor:
    """Random flip, rotation and resized crop in one sampling (MONAI RandAffine)."""
    angle = torch.deg2rad(draw.uniform(-limits.rotation_degrees, limits.rotation_degrees))
    zoom = draw.uniform(*limits.zoom)
    stretch = draw.factor(limits.aspect).sqrt()
    flip = 1 - 2 * draw.sometimes(limits.flip_fraction)
    across, down = zoom * stretch * flip, zoom / stretch
    room = (1 - zoom).clamp(min=0) / 2 + limits.shift_fraction
    shift_x, shift_y = draw.uniform(-1, 1) * room, draw.uniform(-1, 1) * room
    rows = [
        torch.stack([across * angle.cos(), -down * angle.sin(), shift_x], dim=1),
        torch.stack([across * angle.sin(), down * angle.cos(), shift_y], dim=1),
    ]
    grid = functional.affine_grid(
        torch.stack(rows, dim=1), [draw.count, 1, size, size], align_corners=False
    )
    return functional.grid_sample(batch, grid, padding_mode="zeros", align_corners=False)


def _tone(batch: torch.Tensor, limits: Augmentation, draw: _Draw) -> torch.Tensor:
    """Random gamma, contrast and monotone curve (MONAI RandAdjustContrast, RandHistogramShift)."""
    levels = torch.linspace(0, 1, GREY_LEVELS, device=batch.device)
    steps = draw.uniform(1 - limits.tone_strength, 1 + limits.tone_strength, TONE_POINTS)
    heights = functional.pad(steps.cumsum(dim=1) / steps.sum(dim=1, keepdim=True), (1, 0))
    curve = functional.interpolate(
        heights[:, None], size=GREY_LEVELS, mode="linear", align_corners=True
    )[:, 0]
    curve = (
        torch.where(levels > 0, curve.clamp(min=1e-6), 0.0) ** draw.factor(limits.gamma)[:, None]
    )
    contrast = 1 + draw.uniform(-limits.contrast_fraction, limits.contrast_fraction)[:, None]
    brightness = draw.uniform(-limits.contrast_fraction, limits.contrast_fraction)[:, None] / 2
    curve = (curve - 0.5) * contrast + 0.5 + brightness
    index = (batch * (GREY_LEVELS - 1)).round().long().clamp(0, GREY_LEVELS - 1)
    return curve.clamp(0, 1).gather(1, index.flatten(1)).view_as(batch)


def _bias(size: int, limits: Augmentation, draw: _Draw) -> torch.Tensor:
    """Draw a slow change of brightness (MONAI RandBiasField)."""
    corners = draw.normal(1, 3, 3) * _per_image(draw.uniform(0, limits.bias_strength))
    # Every such field is a sum of nine: far cheaper than to enlarge one for each image.
    nine = torch.eye(9, device=corners.device).view(9, 1, 3, 3)
    fields = functional.interpolate(nine, size=(size, size), mode="bicubic", align_corners=True)
    return (corners.flatten(1) @ fields.flatten(1)).view(-1, 1, size, size)


def _coarsen(batch: torch.Tensor, limits: Augmentation, draw: _Draw) -> torch.Tensor:
    """Take some images from a smaller copy (MONAI RandSimulateLowResolution); one size a batch."""
    size = batch.shape[-1]
    reduction = torch.rand((), generator=draw.generator, device=batch.device) * limits.coarseness
    side = max(int(size * (1 - float(reduction))), 1)
    small = functional.interpolate(batch, size=(side, side), mode="bilinear", antialias=True)
    coarse = functional.interpolate(small, size=(size, size), mode="bilinear")
    return torch.where(_per_image(draw.sometimes(0.4)).bool(), coarse, batch)


def _sharpen(batch: torch.Tensor, limits: Augmentation, draw: _Draw) -> torch.Tensor:
    """Blur or sharpen some images (MONAI RandGaussianSmooth, RandGaussianSharpen)."""
    amount = draw.sometimes(0.5) * draw.uniform(-limits.sharpness, limits.sharpness)
    return batch + _per_image(amount) * (batch - blur(batch, BLUR_SIGMA))


def blur(batch: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian blur of (N, 1, rows, columns), sigma in pixels, edges repeated."""
    reach = math.ceil(2 * sigma)
    heights = [math.exp(-0.5 * (place / sigma) ** 2) for place in range(-reach, reach + 1)]
    kernel = [height / sum(heights) for height in heights]
    padded = functional.pad(batch, (reach, reach, reach, reach), mode="replicate")
    return _weighted_sum(_weighted_sum(padded, kernel, dim=3), kernel, dim=2)


def _weighted_sum(batch: torch.Tensor, kernel: list[float], *, dim: int) -> torch.Tensor:
    """Convolve along one axis: ten times faster than conv2d, which is made for many channels."""
    length = batch.shape[dim] - len(kernel) + 1
    total = batch.narrow(dim, 0, length) * kernel[0]
    for place, weight in enumerate(kernel[1:], start=1):
        total.add_(batch.narrow(dim, place, length), alpha=weight)
    return total


def _cover_borders(batch: torch.Tensor, limits: Augmentation, draw: _Draw) -> torch.Tensor:
    """Cover each border of some images, black or grey, as a collimator or a cassette does."""
    size = batch.shape[-1]
    places = torch.arange(size, device=batch.device) / size
    covered = torch.zeros(1, device=batch.device, dtype=torch.bool)
    for axis in (2, 3):
        first, last = (
            draw.sometimes(0.35) * draw.uniform(0, limits.border_fraction) for _ in range(2)
        )
        band = (places < first[:, None]) | (places >= 1 - last[:, None])
        covered = covered | (band[:, None, :, None] if axis == 2 else band[:, None, None, :])
    grey = draw.sometimes(0.5) * draw.uniform(0, 1)
    return torch.where(covered, _per_image(grey), batch)


def _erase(batch: torch.Tensor, limits: Augmentation, draw: _Draw) -> torch.Tensor:
    """Hide a rectangle of up to a sixth of some images (torchvision RandomErasing)."""
    size = batch.shape[-1]
    places = torch.arange(size, device=batch.device)
    inside = torch.ones(1, device=batch.device, dtype=torch.bool)
    for axis in (2, 3):
        start, length = draw.uniform(0, 0.9) * size, draw.uniform(0.1, 0.4) * size
        band = (places >= start[:, None]) & (places < (start + length)[:, None])
        inside = inside & (band[:, None, :, None] if axis == 2 else band[:, None, None, :])
    chosen = _per_image(draw.sometimes(limits.erasing_fraction)).bool() & inside
    return torch.where(chosen, _per_image(draw.uniform(0, 1)), batch)
