"""Coordinate grids, and moments of attention maps on them."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, DTypeLike, Float

SPREAD_EPSILON = 1e-8  # added to every weight, so that no spread is exactly zero
SMALLEST_SPREAD, LARGEST_SPREAD = 0.001, 2.0
# The published code compares cos θ with 0.707, a hair under √½. So the turn by 90° lies a hair
# beyond 45°, and a diagonal mask keeps its side of it whatever the rounding.
LARGEST_ANGLE = math.acos(0.707)
# Under this difference of its two principal variances a mask is round: it has no axes.
ROUND = 2e-6


def coordinates(height: int, width: int, dtype: DTypeLike = jnp.float32) -> Float[Array, "n 2"]:
    """Return the (y, x) coordinates of every pixel in row-major order; the corners lie at ±1.

    One unit is half the image: a step of one pixel is 2 / (height - 1) downwards. The numbers are
    the published ones to the bit, float32 in every precision, on every device.
    """
    grid = np.meshgrid(_axis(height), _axis(width), indexing="ij")
    return jnp.asarray(np.stack(grid, axis=-1).reshape(-1, 2), dtype)


def patch_coordinates(
    height: int, width: int, patch: int, dtype: DTypeLike = jnp.float32
) -> Float[Array, "n 2"]:
    """Return the (y, x) coordinates of the centres of patches, in the units of `coordinates`.

    They are those of the image, however many patches it has: 1 - 1 / height or so at the border.

    - `height`, `width`: patches in the image.
    - `patch`: height and width of each, in pixels.
    """
    grid = np.meshgrid(_centres(height, patch), _centres(width, patch), indexing="ij")
    return jnp.asarray(np.stack(grid, axis=-1).reshape(-1, 2), dtype)


def _centres(count: int, patch: int) -> np.ndarray:
    pixels = np.arange(count) * patch + (patch - 1) / 2
    return 2 * pixels / max(count * patch - 1, 1) - 1


def _axis(size: int) -> np.ndarray:
    """-1 … 1, rounded as in the grids that are stored with the released weights.

    They are `jnp.linspace` on a CPU: i/(size-1) - (1 - i/(size-1)), the second quotient rounded,
    the first not. Rounding it otherwise moves gradients of ISA-TSR by 2e-5.
    """
    if size == 1:
        return np.full(1, -1, np.float32)
    step, i = np.float32(1 / (size - 1)), np.arange(size - 1)
    rest = 1 - i.astype(np.float32) * step
    return np.append((i * float(step) - rest).astype(np.float32), np.float32(1))


# Sums are written out rather than as matrix products: those lose digits on a GPU's tensor cores.


def weighted_mean(weights: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Float[Array, "k 2"]:
    """Return the centre of each map: Σₙ weights · grid, for weights that sum to 1 over n."""
    return (weights[..., None] * grid[None]).sum(axis=1)


def weighted_spread(
    weights: Float[Array, "k n"], relative: Float[Array, "k n 2"]
) -> Float[Array, "k 2"]:
    """Return √(Σₙ (weights + 1e-8) · relative²) along both axes, clipped to [0.001, 2]."""
    variance = ((weights[..., None] + SPREAD_EPSILON) * jnp.square(relative)).sum(axis=1)
    # Clipped under the root, where the slope is finite also for a mask without any extent.
    return jnp.sqrt(jnp.clip(variance, SMALLEST_SPREAD**2, LARGEST_SPREAD**2))


def rotation_matrix(angle: Float[Array, "*k"]) -> Float[Array, "*k 2 2"]:
    """Return [[cos θ, -sin θ], [sin θ, cos θ]], whose columns are the turned axes in (x, y)."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([jnp.stack([cos, -sin], axis=-1), jnp.stack([sin, cos], axis=-1)], axis=-2)


def principal_angle(
    weights: Float[Array, "k n"], relative: Float[Array, "k n 2"]
) -> Float[Array, " k"]:
    """Return the angle of each map's principal axes, in radians, within ±45° of the image's axes.

    θ = ½ atan2(2 c_xy, c_xx - c_yy), turned by 90° where it lies beyond, with c the covariance
    Σₙ weights · relative relativeᵀ. The published code takes the same axes from the eigenvectors'
    formulas, which divide by c_xy: it loses digits where that is small, and its gradient is not a
    number for a mask that is symmetric. Here a round mask, which has no axes, keeps the image's,
    as there, with no slope; every other mask has its true slope. (A mask whose axes are the
    image's to within c_xy < 1e-6 is taken as exactly so there, and not here.)
    """
    y, x = relative[..., 0], relative[..., 1]
    sine = 2 * (weights * x * y).sum(axis=1)
    cosine = (weights * (x * x - y * y)).sum(axis=1)
    is_round = sine * sine + cosine * cosine < ROUND**2
    angle = jnp.arctan2(jnp.where(is_round, 0, sine), jnp.where(is_round, 1, cosine)) / 2
    beyond = jnp.abs(angle) > LARGEST_ANGLE
    return angle - jnp.where(beyond, jnp.sign(angle) * (math.pi / 2), 0)


def rotated(
    relative: Float[Array, "*k n 2"], rotation: Float[Array, "*k 2 2"]
) -> Float[Array, "*k n 2"]:
    """Return (y, x) coordinates along the axes of a rotation: (x, y) @ rotation, as (y, x)."""
    y, x = relative[..., 0], relative[..., 1]
    along = [x * rotation[..., 0, axis, None] + y * rotation[..., 1, axis, None] for axis in (1, 0)]
    return jnp.stack(along, axis=-1)
