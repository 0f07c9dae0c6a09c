"""Moved together with its frame, an object is the same object."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume

from isa_eqx.frames import Frame, identity
from isa_eqx.grid import LARGEST_SPREAD, SMALLEST_SPREAD
from isa_eqx.symmetries import SCALE_UNIT, SYMMETRIES, Symmetry, TranslationScaleRotation

from ..conftest import of_rounds, slot_attention
from ..laws import angles, anisotropy, assert_same_frames, estimate, largest, law
from ..strategies import (
    EPSILON,
    GRID,
    INVARIANT,
    QUARTER,
    Move,
    attention_maps,
    frames,
    moves,
    rotations,
    scenes,
    used,
)


@pytest.fixture(scope="module", params=INVARIANT)
def kind(request):
    return SYMMETRIES[request.param]()


@pytest.fixture(scope="module", params=INVARIANT)
def invariant(request):
    return slot_attention(SYMMETRIES[request.param]())


@eqx.filter_jit
def relative(kind, frames, points):
    return kind.relative(frames, jnp.asarray(points, jnp.float32))


@pytest.mark.quick
@law(move=moves(), frames=frames())
def test_a_frame_that_moves_with_the_grid_sees_the_same(kind, move, frames):
    move, frames = move.of(kind), used(frames, kind)
    there, points = move.frames(frames), move.points(GRID)
    before, after = relative(kind, frames, GRID), relative(kind, there, points)
    # Coordinates are rounded before they are subtracted and divided by the frame's unit.
    unit = SCALE_UNIT * float(there.scale.min())
    rounding = 16 * EPSILON * largest(points, there.position) / unit
    np.testing.assert_allclose(after, before, rtol=16 * EPSILON, atol=rounding)


def upright(frames: Frame) -> Frame:
    """The same frames with axes within 45° of the image's: those beyond turned by 90°."""
    quarters = np.round(angles(frames) / (np.pi / 2))
    back = jnp.asarray(rotations(-quarters * (np.pi / 2)), jnp.float32)
    return Frame(
        position=frames.position,
        scale=jnp.where((quarters != 0)[:, None], frames.scale[:, ::-1], frames.scale),
        rotation=frames.rotation @ back,
    )


@pytest.mark.quick
@law(move=moves(), attention=attention_maps(GRID))
def test_an_estimated_frame_moves_with_the_grid(kind, move, attention):
    move, points = move.of(kind), move.of(kind).points(GRID)
    here, there = estimate(kind, attention, GRID), estimate(kind, attention, points)
    expected = move.frames(here)
    within = (expected.scale > SMALLEST_SPREAD) & (expected.scale < LARGEST_SPREAD)
    assume(bool(within.all()))
    if isinstance(kind, TranslationScaleRotation):
        beyond = np.abs(np.abs(angles(expected)) - QUARTER)
        assume(beyond.min() > 1e-3 and anisotropy(here).min() > 0.01)
        expected = upright(expected)
    assert_same_frames(there, expected, largest(points))


@pytest.mark.quick
@law(first=moves(), second=moves(), frames=frames())
def test_moving_twice_is_moving_by_the_composition(kind, first, second, frames):
    first, second, frames = first.of(kind), second.of(kind), used(frames, kind)
    twice, once = second.frames(first.frames(frames)), second.after(first).frames(frames)
    reach = largest(second.points(first.points(frames.position))) + largest(second.shift)
    np.testing.assert_allclose(twice.position, once.position, atol=16 * EPSILON * reach)
    np.testing.assert_allclose(twice.scale, once.scale, rtol=4 * EPSILON)
    np.testing.assert_allclose(twice.rotation, once.rotation, atol=4 * EPSILON)


@pytest.mark.quick
@law(move=moves())
def test_a_frame_undoes_the_move_that_made_it(kind, move):
    """`relative` after `moved` is the identity, for a frame whose unit is the grid's."""
    move = move.of(kind)
    unit = dataclasses.replace(identity(1), scale=jnp.full((1, 2), 1 / SCALE_UNIT))
    seen = relative(kind, move.frames(used(unit, kind)), move.points(GRID))
    rounding = 16 * EPSILON * largest(move.points(GRID), move.shift) / min(move.scale)
    np.testing.assert_allclose(seen[0], GRID, atol=rounding)


def frames_of_rounds(attention, scene) -> Frame:
    """The frames that every round estimates, one after the other."""
    rounds = range(attention.num_rounds + 1)
    estimated = [scene.attended(of_rounds(attention, count))[1] for count in rounds]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *estimated)


def within_room(move: Move, kind: Symmetry, seen: Frame) -> Move:
    """The move without what the laws exempt: axes that swap beyond 45°, scales that are clipped."""
    moved = move.frames(seen)
    assume(bool(((moved.scale > SMALLEST_SPREAD) & (moved.scale < LARGEST_SPREAD)).all()))
    if not isinstance(kind, TranslationScaleRotation):
        return move
    assume(anisotropy(seen).min() > 0.05)
    margin = 1e-3 - QUARTER
    room = margin - angles(seen).min(), -margin - angles(seen).max()
    return dataclasses.replace(move, angle=float(np.interp(move.angle, [-QUARTER, QUARTER], room)))


@law(move=moves(), scene=scenes())
def test_a_scene_that_moves_with_its_frames_is_the_same_scene(invariant, move, scene):
    kind = invariant.symmetry
    move = within_room(move.of(kind), kind, frames_of_rounds(invariant, scene))
    there = dataclasses.replace(scene, frames=move.frames(used(scene.frames, kind)))
    (slots, frames, maps), points = scene.attended(invariant), move.points(GRID)
    moved_slots, moved_frames, moved_maps = there.attended(invariant, points)
    # What coordinates are rounded by, in the scene's unit, goes through layers of gain one.
    rounding = 16 * EPSILON * largest(points, move.shift) / min(move.scale)
    np.testing.assert_allclose(moved_maps, maps, atol=rounding)
    np.testing.assert_allclose(moved_slots, slots, atol=rounding * largest(slots))
    assert_same_frames(moved_frames, move.frames(frames), largest(points))
