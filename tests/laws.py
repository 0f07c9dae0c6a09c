"""Laws: sentences that hypothesis tries to break, on the real thing and on broken ones."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import Phase, given, settings

from isa_eqx import Frame
from isa_eqx.symmetries import Symmetry, TranslationScaleRotation

from .strategies import EPSILON

HUNT = settings(
    phases=[Phase.generate], database=None, report_multiple_bugs=False, print_blob=False
)


def law(**drawn: st.SearchStrategy) -> Callable[[Callable], Any]:
    """`hypothesis.given`, and as `.hunted` the same without shrinking: for what must fail."""

    def decorate(function: Callable) -> Any:
        stated = given(**drawn)(function)
        stated.hunted = HUNT(given(**drawn)(function))
        return stated

    return decorate


def largest(*arrays) -> float:
    return max(float(np.abs(array).max()) for array in arrays)


def angles(frames: Frame) -> np.ndarray:
    return np.arctan2(frames.rotation[:, 1, 0], frames.rotation[:, 0, 0])


def anisotropy(frames: Frame) -> np.ndarray:
    """By how much the principal variances differ, of their larger one; 0 for a round map."""
    variance = np.square(np.asarray(frames.scale, np.float64))
    return 1 - variance.min(axis=1) / variance.max(axis=1)


def condition(symmetry: Symmetry, frames: Frame) -> float:
    """By how much rounding grows where frames have axes: the rounder a map, the less it has any."""
    is_turned = isinstance(symmetry, TranslationScaleRotation)
    return 1 / float(anisotropy(frames).min()) if is_turned else 1.0


def assert_same_frames(
    ours: Frame, wanted: Frame, coordinate: float, variance: float = 0.0
) -> None:
    """Equal up to float32's rounding, given the largest coordinate that they were taken from.

    The smaller a map, the less is known of its scale; the rounder, the less of its axes. Variances
    may be off by a given amount more.
    """
    rounding = 8 * EPSILON * coordinate
    smaller, larger = (np.asarray(f(wanted.scale, axis=1)) for f in (np.min, np.max))
    known = rounding / smaller + variance / smaller**2 + 4 * EPSILON
    off = [
        (ours.position - wanted.position, rounding),
        (ours.scale / wanted.scale - 1, known[:, None]),
    ]
    if not np.array_equal(ours.rotation, wanted.rotation):
        known = rounding / (larger * anisotropy(wanted)) + 4 * EPSILON
        off += [(ours.rotation - wanted.rotation, known[:, None, None])]
    for difference, bound in off:
        assert (np.abs(difference) < bound).all(), f"off by {difference}"


@eqx.filter_jit
def estimate(kind, attention, points):
    return kind.estimate(attention, jnp.asarray(points, jnp.float32))


@eqx.filter_jit
def explained(model, image, frames):
    """The model's output from given frames, compiled."""
    return model(image, frames=frames)


@eqx.filter_jit
def decoded(model, slots, frames):
    """What slots paint where their frames are, compiled."""
    return model.decode(slots, frames)


def assert_close(ours: Any, wanted: Any, rounding: float) -> None:
    """Every array equal to that share of its largest number."""
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=rounding * max(1.0, largest(b)))
