"""Frames against true poses: exact where attention is the object, and off by what it is off by."""

import dataclasses

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isa_eqx import VARIANTS, Colours, ISAConfig, Output, coordinates
from isa_eqx.symmetries import SYMMETRIES
from training.evaluation.axes import (
    axis_error,
    axis_vector,
    is_elongated,
    longer_axis,
    upright_scale,
)
from training.evaluation.intervals import interval, moments, share_interval, share_of_variance
from training.evaluation.poses import OF_FIELD, attended_frames, compare_poses, lacking

from ..conftest import filled
from ..laws import law
from ..strategies import seeds

SIZE, SLOTS = (40, 40), 3
GRID = coordinates(*SIZE)
CONFIG = dict(image_size=SIZE, num_slots=SLOTS, slot_size=8, hidden_size=8, encoder_channels=(8,),
              encoder_strides=(1,), decoder_channels=(8,))  # fmt: skip
angles = st.floats(-10, 10)


def blobs(seed, shift=(0.0, 0.0)):
    """Attention maps of oblong blobs that lie anywhere, in any direction."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-0.4, 0.4, (SLOTS, 1, 2)) + np.array(shift)
    angle = rng.uniform(-np.pi, np.pi, SLOTS)
    y, x = np.moveaxis(np.asarray(GRID, np.float64)[None] - centre, -1, 0)
    along = x * np.cos(angle)[:, None] + y * np.sin(angle)[:, None]
    across = y * np.cos(angle)[:, None] - x * np.sin(angle)[:, None]
    maps = np.exp(-(np.square(along / 0.2) + np.square(across / 0.1)) / 2)
    return jnp.asarray(maps / maps.sum(axis=1, keepdims=True), jnp.float32), angle


def explained(model, attention):
    """What a model would return whose slots attend so."""
    frames = model.symmetry.estimate(attention, GRID)
    logits = jnp.zeros((SLOTS, *SIZE))
    painted = Colours(jnp.zeros((*logits.shape, 3)), logits)
    return Output(painted, jnp.zeros((SLOTS, 8)), frames, attention)


@law(seed=seeds)
def test_the_longer_axis_is_the_blobs_and_its_spreads_are_those_that_isa_ts_sees(seed):
    attention, angle = blobs(seed)
    poses = SYMMETRIES["isa-tsr"]().estimate(attention, GRID)
    assert (axis_error(longer_axis(poses), jnp.asarray(angle, jnp.float32)) < 0.5).all()
    assert is_elongated(poses).all()
    upright = SYMMETRIES["isa-ts"]().estimate(attention, GRID).scale
    np.testing.assert_allclose(upright_scale(poses), upright, rtol=1e-3)


@pytest.mark.quick
@law(a=angles, b=angles, turns=st.integers(-3, 3))
def test_an_axis_has_no_direction(a, b, turns):
    one, other, turned = (jnp.float32(x) for x in (a, b, b + turns * np.pi))
    error = float(axis_error(one, other))
    assert 0 <= error <= 90 and error == pytest.approx(float(axis_error(other, one)), abs=1e-3)
    assert float(axis_error(one, turned)) == pytest.approx(error, abs=2e-3)
    np.testing.assert_allclose(axis_vector(turned), axis_vector(other), atol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_attention_that_is_the_object_has_its_pose(variant):
    model = filled(ISAConfig(**CONFIG, variant=variant))
    attention, _ = blobs(1)
    truth = SYMMETRIES["isa-tsr"]().estimate(attention, GRID)
    found = compare_poses(model, explained(model, attention), truth, jnp.arange(SLOTS))
    for name, bound in (("position_error", 1e-3), ("scale_error", 0.1), ("angle_error", 0.05)):
        assert (found[name] < bound).all()
    for name in ("position_share", "scale_share", "angle_share"):
        np.testing.assert_allclose(found[name][:, 0], found[name][:, 1], atol=1e-3)


@pytest.mark.quick
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_off_is_off_by_so_much_and_of_the_slot_that_was_matched(variant):
    model = filled(ISAConfig(**CONFIG, variant=variant))
    attention, _ = blobs(2)
    truth = SYMMETRIES["isa-tsr"]().estimate(attention, GRID)
    away = truth.moved(shift=(0.0, 0.1), scale=2, angle=np.deg2rad(30), around=truth.position)
    slot = jnp.array([2, 0, 1])
    of_slots = jax.tree.map(lambda x: x[slot], away)
    found = compare_poses(model, explained(model, attention), of_slots, slot)
    np.testing.assert_allclose(found["position_error"], 0.1 * 39 / 2, rtol=1e-3)
    np.testing.assert_allclose(found["angle_error"], 30, atol=0.1)
    if variant != "isa-ts":  # which sees the turn as another shape
        np.testing.assert_allclose(found["scale_error"], 50, rtol=1e-2)


@pytest.mark.quick
def test_what_a_frame_has_is_measured_and_what_it_lacks_is_of_the_attention():
    attention, _ = blobs(3)
    for variant in VARIANTS:
        model = filled(ISAConfig(**CONFIG, variant=variant))
        out = explained(model, attention)
        assert lacking(model) == {
            name for f in OF_FIELD if f not in model.symmetry.fields for name in OF_FIELD[f]
        }
        moved = out.frames.moved(shift=(0.2, 0.0), scale=3, angle=0.5, around=out.frames.position)
        used = {name: getattr(moved, name) for name in model.symmetry.fields}
        other = dataclasses.replace(out, frames=dataclasses.replace(out.frames, **used))
        truth = attended_frames(model, attention)
        before, after = (compare_poses(model, o, truth, jnp.arange(SLOTS)) for o in (out, other))
        for field, names in OF_FIELD.items():
            for name in names:
                is_same = np.allclose(before[name], after[name], atol=1e-3)
                assert is_same == (field not in model.symmetry.fields), (variant, name)


def pairs(seed, images=30, objects=4):
    """True values of objects, of which some do not count, and noisy estimates."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(images, objects, 2))
    true[rng.random((images, objects)) < 0.3] = np.nan
    return true, true + rng.normal(size=true.shape)


@pytest.mark.quick
def test_the_share_of_variance_is_the_squared_correlation():
    true, seen = pairs(0)
    counted = ~np.isnan(true[..., 0])
    alone = share_of_variance(moments(true[..., :1], seen[..., :1]))
    wanted = np.corrcoef(true[counted][:, 0], seen[counted][:, 0])[0, 1] ** 2
    assert alone == pytest.approx(wanted, rel=1e-9)
    share = share_of_variance(moments(true, seen))
    assert share_of_variance(moments(true, -3 * seen + (1.0, 5.0))) == pytest.approx(share)
    assert share_of_variance(moments(true, true)) == pytest.approx(1)
    assert np.isnan(share_of_variance(moments(np.ones((5, 4, 2)), np.ones((5, 4, 2)))))


@pytest.mark.quick
def test_the_interval_of_a_share_is_over_images_and_narrows_with_them():
    few, many = (share_interval(moments(*pairs(1, images))) for images in (30, 3000))
    assert few[0] < many[0] < 0.5 < many[1] < few[1]
    empty = np.full((1, 4, 2), np.nan)
    with_empty = [np.concatenate([x, empty]) for x in pairs(1)]
    assert share_interval(moments(*with_empty)) == few
    assert interval(np.array([1.0, 1.0])) == (1.0, 1.0)
