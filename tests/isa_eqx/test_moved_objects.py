"""An object that moves in the image is the same object elsewhere, and so is what a slot paints."""

import itertools

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isa_eqx import ISAConfig
from isa_eqx.grid import SPREAD_EPSILON

from ..conftest import FEATURES, SMALL, filled
from ..handmade import CONVOLUTIONAL, PIXELWISE, handmade
from ..laws import assert_close, assert_same_frames, condition, decoded, explained, largest, law
from ..strategies import EPSILON, GRID, INVARIANT, SIZE, SLOTS, frames, moves, pairs, seeds, used

OBJECT = 4, 9  # pixels; wide, so that its axes are well known
FURTHEST = 3  # strides
# A convolutional decoder pads, and what it pads does not move.
PADDED = {"pixelwise": 0, "convolutional": 8}
TARGETS = {"colours": SMALL, "features": FEATURES}
ROUNDING = 64 * EPSILON  # through layers of gain one


@pytest.fixture(scope="module", params=itertools.product(INVARIANT, PADDED), ids="-".join)
def model(request):
    variant, kind = request.param
    fields = PIXELWISE if kind == "pixelwise" else CONVOLUTIONAL
    return handmade(ISAConfig(**fields | dict(variant=variant)))


@pytest.fixture(scope="module", params=itertools.product(INVARIANT, TARGETS), ids="-".join)
def pixelwise(request):
    variant, target = request.param
    return filled(ISAConfig(**TARGETS[target] | dict(variant=variant)))


def object_on_black(size, seed, shift):
    """An image with an object of noise, moved by pixels from the middle."""
    noise = np.random.default_rng(seed).uniform(0.2, 1, (*OBJECT, 3))
    top, left = ((s - o) // 2 + d for s, o, d in zip(size, OBJECT, shift, strict=True))
    image = np.zeros((*size, 3), np.float32)
    image[top : top + OBJECT[0], left : left + OBJECT[1]] = noise
    return jnp.asarray(image)


def assert_moved(before, after, shift, border, rounding):
    """(k, h, w, …) pictures are the same ones, moved by pixels, away from a border."""
    inner = np.s_[:, border : -border or None, border : -border or None]
    expected = np.roll(before, shift, axis=(1, 2))[inner]
    assert_close(np.asarray(after)[inner], expected, rounding)


@law(seed=seeds, frames=frames(smallest=0.1), shift=pairs(st.integers(-FURTHEST, FURTHEST)))
def test_an_object_that_moves_in_the_image_is_the_same_object(model, seed, frames, shift):
    config, frames = model.config, used(frames, model.symmetry)
    stride = config.encoder_strides[0]
    cells = np.array(config.image_size) // stride
    pixels = tuple(stride * d for d in shift)
    step = jnp.asarray(2 * np.array(shift) / (cells - 1), jnp.float32)
    before = explained(model, object_on_black(config.image_size, seed, (0, 0)), frames)
    image = object_on_black(config.image_size, seed, pixels)
    after = explained(model, image, frames.moved(shift=step))

    # The last slot has the background, which stays. Of the others' frames:
    seen, moved = (jax.tree.map(lambda leaf: leaf[:-1], o.frames) for o in (before, after))
    known = condition(model.symmetry, seen)
    rounding = ROUNDING * known
    # The 1e-8 that is added to every weight makes scales know where the grid ends.
    ends = SPREAD_EPSILON * cells.prod() * largest(seen.position, moved.position) ** 2
    assert_same_frames(moved, seen.moved(shift=step), known, ends)
    assert_close(after.slots[:-1], before.slots[:-1], rounding)
    maps = (o.attention[:-1].reshape(-1, *cells) for o in (before, after))
    assert_moved(*maps, shift, 0, rounding)
    border = FURTHEST * stride + PADDED["convolutional" if config.decoder_strides else "pixelwise"]
    assert_moved(before.masks, after.masks, pixels, border, rounding)
    painted = (o.slot_reconstructions[:-1] for o in (before, after))
    assert_moved(*painted, pixels, border, rounding)


@eqx.filter_jit
def painted(model, slots, frames, points):
    return model.decode_at(slots, frames, jnp.asarray(points, jnp.float32))


def slots_from(seed):
    slots = np.random.default_rng(seed).normal(size=(SLOTS, SIZE))
    return jnp.asarray(slots, jnp.float32)


@law(seed=seeds, frames=frames(smallest=0.1), move=moves())
def test_a_slot_paints_the_same_wherever_its_frame_is(pixelwise, seed, frames, move):
    frames, move = used(frames, pixelwise.symmetry), move.of(pixelwise.symmetry)
    slots, there = slots_from(seed), move.frames(frames)
    # What coordinates are rounded by, in the unit of the frames.
    rounding = ROUNDING * largest(move.points(GRID), there.position) / min(move.scale)
    here = painted(pixelwise, slots, frames, GRID)
    assert_close(painted(pixelwise, slots, there, move.points(GRID)), here, rounding)


@law(seed=seeds, frames=frames(), move=moves(), slot=st.integers(0, SLOTS - 1))
def test_a_frame_that_moves_changes_no_other_slots_picture(small, seed, frames, move, slot):
    frames = used(frames, small.symmetry)
    one = jax.tree.map(
        lambda here, there: here.at[slot].set(there[slot]),
        frames,
        used(move.frames(frames), small.symmetry),
    )
    here, there = (decoded(small, slots_from(seed), f) for f in (frames, one))
    others = np.arange(SLOTS) != slot
    for before, after in zip(jax.tree.leaves(here), jax.tree.leaves(there), strict=True):
        np.testing.assert_array_equal(after[others], before[others])


@law(
    seed=seeds,
    frames=frames(smallest=0.1),
    slot=st.integers(0, SLOTS - 1),
    shift=pairs(st.integers(-FURTHEST, FURTHEST)),
)
def test_a_frame_that_moves_moves_its_picture(model, seed, frames, slot, shift):
    config, frames = model.config, used(frames, model.symmetry)
    cell = config.image_size[0] // model.decoder.grid_size[0]
    step = np.zeros((SLOTS, 2), np.float32)
    step[slot] = 2 * np.array(shift) / (np.array(model.decoder.grid_size) - 1)
    here, there = (
        decoded(model, slots_from(seed), f) for f in (frames, frames.moved(shift=jnp.asarray(step)))
    )
    border = FURTHEST * cell + PADDED["convolutional" if config.decoder_strides else "pixelwise"]
    pixels = tuple(cell * d for d in shift)
    for before, after in zip(jax.tree.leaves(here), jax.tree.leaves(there), strict=True):
        assert_moved(before[slot][None], after[slot][None], pixels, border, ROUNDING)
