"""Shares sum to one, places stay on the grid, and frames are frames."""

import numpy as np
import pytest

from isa_eqx import VARIANTS
from isa_eqx.grid import LARGEST_ANGLE, LARGEST_SPREAD, SMALLEST_SPREAD
from isa_eqx.symmetries import SYMMETRIES

from ..laws import assert_same_frames, estimate, explained, law
from ..strategies import EPSILON, GRID, attention_maps, frames, picture, scenes, seeds, used

ROUNDING = 8 * EPSILON


def assert_shares(shares):
    """Of at least zero; together, over the first axis, one."""
    assert (np.asarray(shares) >= 0).all()
    np.testing.assert_allclose(np.asarray(shares).sum(axis=0), 1, rtol=ROUNDING)


def assert_between(low, numbers, high):
    numbers, room = np.asarray(numbers), ROUNDING * np.abs(numbers).max()
    assert (low - room <= numbers).all() and (numbers <= high + room).all()


def assert_frames(frames, grid):
    """On the grid, within the bounds of scales, turned and not bent."""
    assert_between(grid.min(axis=0), frames.position, grid.max(axis=0))
    assert_between(SMALLEST_SPREAD, frames.scale, LARGEST_SPREAD)
    rotation = np.asarray(frames.rotation, np.float64)
    unit = np.broadcast_to(np.eye(2), rotation.shape)
    np.testing.assert_allclose(rotation @ rotation.swapaxes(1, 2), unit, atol=ROUNDING)
    np.testing.assert_allclose(np.linalg.det(rotation), 1, rtol=ROUNDING)
    assert_between(np.cos(LARGEST_ANGLE), rotation[:, 0, 0], 1)


@pytest.fixture(scope="module", params=VARIANTS)
def kind(request):
    return SYMMETRIES[request.param]()


@law(attention=attention_maps(GRID))
def test_every_frame_is_one(kind, attention):
    assert_frames(estimate(kind, attention, GRID), GRID)


@law(scene=scenes())
def test_every_pixel_is_shared_out(attention, scene):
    _, frames, maps = scene.attended(attention)
    assert_shares(maps)
    assert_frames(frames, GRID)


@law(scene=scenes())
def test_the_frames_are_of_the_attention_that_is_returned(attention, scene):
    _, frames, maps = scene.attended(attention)
    weights = maps / maps.sum(axis=1, keepdims=True)
    found = estimate(attention.symmetry, weights, GRID)
    assert_same_frames(found, frames, 1.0)


@law(seed=seeds, frames=frames(smallest=0.1))
def test_every_pixel_of_the_picture_is_shared_out(any_model, seed, frames):
    out = explained(any_model, picture(any_model, seed), used(frames, any_model.symmetry))
    assert_shares(out.masks)
    assert_shares(out.attention)
    painted = np.asarray(out.painted.values)
    assert_between(painted.min(axis=0), out.painted.reconstruction, painted.max(axis=0))
