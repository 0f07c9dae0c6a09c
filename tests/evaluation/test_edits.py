"""An edited frame moves its mask by as much, or the error says by how much it does not."""

from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isa_eqx import ISA, VARIANTS, Colours, Decoded, Frame, ISAConfig, Output, coordinates
from isa_eqx.grid import rotation_matrix
from isa_eqx.symmetries import SYMMETRIES
from training.evaluation.edits import FOLLOWED, SHIFT, _moved, follow

from ..conftest import filled
from .test_poses import CONFIG

SIZE, SLOTS = (81, 81), 3
PIXELS = (SIZE[0] - 1) / 2
OBJECTS = jnp.array([1, 2]), jnp.array([True, True])
AS_EDITED = {"shift_error": SHIFT * PIXELS, "growth_error": 20.0, "turn_error": 20.0}
NEAR = {"shift_error": 0.3, "growth_error": 3.0, "turn_error": 2.0}  # hard pixels


def ellipses(frames):
    """Mask logits: the first slot is the ground, the others are ellipses in their frames."""
    relative = SYMMETRIES["isa-tsr"]().relative(frames, coordinates(*SIZE))
    inside = 9 - 25 * 9 * jnp.square(relative / jnp.array([[[1.0, 2.0]]])).sum(axis=-1)
    return inside.at[0].set(0).reshape(SLOTS, *SIZE)


def seen(position=((0.0, 0.0), (-0.5, -0.4), (0.4, 0.5))):
    """Two oblong objects, turned, and the ground."""
    angle = jnp.array([0.0, 0.3, -0.6])
    scale = jnp.tile(jnp.array([0.2, 0.2]), (SLOTS, 1))
    return Frame(jnp.array(position), scale, rotation_matrix(angle))


def followed(variant, frames, paint):
    """The errors of a model that paints so."""
    model = filled(ISAConfig(**CONFIG | dict(image_size=SIZE, variant=variant)))
    colours, attention = jnp.zeros((SLOTS, *SIZE, 3)), jnp.zeros((SLOTS, SIZE[0] * SIZE[1]))
    out = Output(Colours(colours, paint(frames)), jnp.zeros((SLOTS, 8)), frames, attention)
    decode = lambda self, slots, frames: Decoded(Colours(colours, paint(frames)))  # noqa: E731
    with mock.patch.object(ISA, "decode", decode):
        return jax.device_get(follow(model, out, *OBJECTS))


def measured(variant):
    """The errors that a variant has."""
    count = len(SYMMETRIES[variant].fields)
    return list(FOLLOWED)[:count], list(FOLLOWED)[count:]


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_follows_its_frame_has_no_error_and_what_a_variant_lacks_none_at_all(variant):
    found, (has, lacks) = followed(variant, seen(), ellipses), measured(variant)
    for name in has:
        assert (found[name] < NEAR[name]).all()
    for name in lacks:
        assert np.isnan(found[name]).all()


@pytest.mark.parametrize("gone", [False, True])
def test_what_stays_where_it_was_is_off_by_the_edit_and_so_is_what_is_gone(gone):
    stays = ellipses(seen())
    after = jnp.full_like(stays, -9.0).at[0].set(0) if gone else stays
    painted = iter([stays, *[after] * 3])
    found = followed("isa-tsr", seen(), lambda frames: next(painted))
    for name, edit in AS_EDITED.items():
        wanted = 100 if gone and name == "growth_error" else edit
        np.testing.assert_allclose(found[name], wanted, rtol=1e-3)


def test_an_object_without_room_does_not_count():
    """The first would be shifted into the second, which is in the way; or out of the image."""
    in_the_way = seen(((0.0, 0.0), (-0.5, -0.4), (-0.1, -0.1)))
    found = followed("isa-tsr", in_the_way, ellipses)
    assert np.isnan(found["shift_error"][0])
    at_the_border = seen(((0.0, 0.0), (-0.9, 0.0), (0.4, 0.5)))
    for values in followed("isa-tsr", at_the_border, ellipses).values():
        assert np.isnan(values[0]) and not np.isnan(values[1])


def test_what_is_no_object_does_not_count_and_is_not_in_the_way():
    in_the_way = seen(((0.0, 0.0), (-0.5, -0.4), (-0.1, -0.1)))
    with mock.patch(f"{__name__}.OBJECTS", (jnp.array([1, -1]), jnp.array([True, False]))):
        found = followed("isa-t", in_the_way, ellipses)
    assert found["shift_error"][0] < 5 and np.isnan(found["shift_error"][1])


def test_a_round_object_has_no_angle():
    def discs(frames):
        relative = SYMMETRIES["isa-tsr"]().relative(frames, coordinates(*SIZE))
        inside = 9 - 25 * 9 * jnp.square(relative).sum(axis=-1)
        return inside.at[0].set(0).reshape(SLOTS, *SIZE)

    found = followed("isa-tsr", seen(), discs)
    assert np.isnan(found["turn_error"]).all() and not np.isnan(found["growth_error"]).any()


def test_a_mask_that_is_moved_is_where_its_frame_is():
    frames = seen()
    masks = ellipses(frames) > 0
    size = np.asarray(masks.sum(axis=(1, 2)))
    for edit in (dict(shift=jnp.full((SLOTS, 2), 0.1)), dict(scale=1.25), dict(angle=0.35)):
        wanted = ellipses(frames.moved(**edit, around=frames.position)) > 0
        differ = np.asarray(_moved(masks, frames.position, **edit) != wanted).sum(axis=(1, 2))
        assert (differ <= 0.12 * size).all()  # their borders
