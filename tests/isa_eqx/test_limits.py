"""Where the laws end, and by how much: the exemptions that they make are real."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isa_eqx import ISAConfig, coordinates
from isa_eqx.symmetries import SYMMETRIES

from ..conftest import DEEP, KEY, SMALL, filled, slot_attention
from ..handmade import CONVOLUTIONAL, PIXELWISE, handmade
from ..laws import decoded, estimate, explained
from ..strategies import EPSILON, GRID, INVARIANT, SIZE, SLOTS, Move, Scene, used
from .test_moved_objects import FURTHEST, PADDED, object_on_black


@pytest.fixture(scope="module", params=INVARIANT)
def variant(request):
    return request.param


def off(model, pixels):
    """How far positions are from where an object has gone that moved to the right, in cells."""
    size, stride = model.config.image_size, model.config.encoder_strides[0]
    cell = 2 / (size[1] // stride - 1)
    step, frames = pixels / stride * cell, model.symmetry.initial(SLOTS, jnp.float32, key=KEY)
    before = explained(model, object_on_black(size, 0, (0, 0)), frames)
    image = object_on_black(size, 0, (0, pixels))
    after = explained(model, image, frames.moved(shift=(0.0, step)))
    there = after.frames.position - before.frames.moved(shift=(0.0, step)).position
    return np.abs(there[:-1]).max() / cell


def test_at_the_border_an_object_loses_what_is_beyond(variant):
    model = handmade(ISAConfig(**PIXELWISE | dict(variant=variant)))
    assert off(model, 9) > 1


def test_between_strides_an_object_is_nearly_the_same(variant):
    model = handmade(ISAConfig(**CONVOLUTIONAL | dict(variant=variant)))
    assert 1e-3 < off(model, 1) < 0.1


@pytest.mark.parametrize(("kind", "is_changed"), [(SMALL, False), (DEEP, True)])
def test_a_residual_encoder_sees_an_object_meet_the_border_from_afar(kind, is_changed):
    """Its normalisation sees the whole image, and so what is lost at the other side."""
    model = filled(ISAConfig(**kind | dict(variant="isa-t", image_size=(64, 64))))
    images = (object_on_black((64, 64), 0, (0, right)) for right in (0, 4, 27))
    middle, beside, border = (np.asarray(features(model.encoder, image)) for image in images)
    left = np.s_[:, : middle.shape[1] // 5]
    np.testing.assert_allclose(beside[left], middle[left], atol=64 * EPSILON * middle.max())
    assert (np.abs(border[left] - middle[left]).max() > 0.01 * middle.std()) == is_changed


@eqx.filter_jit
def features(encoder, image):
    return encoder.maps(image)


def test_a_convolutional_decoder_sees_the_border(variant):
    model = handmade(ISAConfig(**CONVOLUTIONAL | dict(variant=variant)))
    frames = model.symmetry.initial(SLOTS, jnp.float32, key=KEY)
    slots = jax.random.normal(KEY, (SLOTS, SIZE))
    cell = 2 / (model.decoder.grid_size[1] - 1)
    here, there = (
        np.asarray(decoded(model, slots, f).slot_reconstructions)
        for f in (frames, frames.moved(shift=(0.0, FURTHEST * cell)))
    )
    width = FURTHEST * model.config.decoder_strides[0]
    moved = np.abs(there[:, :, width:] - here[:, :, :-width])
    assert moved[:, :, : PADDED["convolutional"]].max() > 0.1


def test_a_scene_that_turns_beyond_45_degrees_is_seen_along_other_axes():
    attention = slot_attention(SYMMETRIES["isa-tsr"]())
    features, slots = (jax.random.normal(KEY, (count, SIZE)) for count in (len(GRID), SLOTS))
    frames = used(attention.symmetry.initial(SLOTS, jnp.float32, key=KEY), attention.symmetry)
    scene, turn = Scene(0, features, slots, frames), Move(angle=np.deg2rad(60))
    moved = dataclasses.replace(scene, frames=turn.frames(frames))
    before, after = scene.attended(attention)[2], moved.attended(attention, turn.points(GRID))[2]
    assert np.abs(before - after).max() > 0.01


@pytest.mark.parametrize("variant", ["isa-ts", "isa-tsr"])
@pytest.mark.parametrize(("size", "clipped"), [(1e-3, 0.001), (100.0, 2.0)])
def test_a_scale_stays_within_its_bounds(variant, size, clipped):
    mask, grid = jnp.ones((1, 81)) / 81, size * coordinates(9, 9)
    np.testing.assert_allclose(
        estimate(SYMMETRIES[variant](), mask, grid).scale, clipped, rtol=1e-6
    )


@pytest.mark.parametrize("angle", [0.1, 0.5])
def test_a_round_map_does_not_turn(angle):
    kind, mask = SYMMETRIES["isa-tsr"](), jnp.ones((1, 81)) / 81
    there = estimate(kind, mask, Move(angle=angle).points(coordinates(9, 9)))
    np.testing.assert_array_equal(there.rotation, jnp.eye(2)[None])
