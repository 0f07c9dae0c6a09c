"""The model: its size, its outputs, its start, and what it refuses."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from isa_eqx import ISA, VARIANTS, ISAConfig, Output, coordinates, published
from isa_eqx.frames import identity

from ..conftest import MODELS, filled, run

KEY = jr.key(1)


@pytest.fixture(scope="module")
def image(small: ISA) -> jax.Array:
    return jr.uniform(jr.key(2), (*small.config.image_size, 3))


@pytest.fixture(scope="module")
def out(small: ISA, image: jax.Array) -> Output:
    return run(small, image, KEY)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("architecture", "size"),
    [
        ("tetrominoes", 730_308),
        ("objects_room", 896_708),
        ("clevr", 896_708),
        ("clevrtex", 896_708),
        ("multishapenet_easy", 896_708),
        ("clevrtex_resnet", 21_919_684),
        ("waymo_open", 21_919_684),
    ],
)
def test_the_published_sizes(architecture, variant, size):
    config = published(architecture, variant)
    model = eqx.filter_eval_shape(ISA, config, key=KEY)
    if config.encoder_blocks and variant == "sa":
        size += 134_272 - 16_896  # it embeds positions in 512 channels, the others in 64
    assert sum(leaf.size for leaf in jax.tree.leaves(model)) == size


def test_the_published_size_with_the_learnt_grid():
    config = published("clevrtex_resnet", "isa-ts", learnt_grid=True)
    model = eqx.filter_eval_shape(ISA, config, key=KEY)
    assert sum(leaf.size for leaf in jax.tree.leaves(model)) == 22_053_696


def test_reconstruction_is_the_slots_pictures_weighted_by_masks(out):
    weighted = jnp.einsum("khw,khwc->hwc", out.masks, out.slot_reconstructions)
    np.testing.assert_allclose(out.reconstruction, weighted, atol=1e-6)


def test_some_pixels_decode_as_in_the_whole_picture(small, out):
    chosen = jnp.array([3, 77, 140, 3])
    grid = coordinates(*small.config.image_size)[chosen]
    if small.config.decoder_strides:
        with pytest.raises(ValueError, match=r"this one has \(2, 1\): use decode"):
            small.decode_at(out.slots, out.frames, grid)
        return
    colours, logits = small.decode_at(out.slots, out.frames, grid)
    np.testing.assert_allclose(logits, out.mask_logits.reshape(3, -1)[:, chosen], atol=1e-5)
    np.testing.assert_allclose(
        colours, out.slot_reconstructions.reshape(3, -1, 3)[:, chosen], atol=1e-5
    )


def test_frames_given_are_frames_drawn(small, image, out):
    frames = small.symmetry.initial(3, jnp.float32, key=KEY)
    given = eqx.filter_jit(lambda m, i, f: m(i, frames=f))(small, image, frames)
    np.testing.assert_allclose(given.slots, out.slots, atol=1e-6)


def test_values_without_relative_positions_are_another_model():
    config = ISAConfig(**MODELS["isa-ts"])
    image = jr.uniform(KEY, (*config.image_size, 3))
    without, with_them = (
        run(filled(dataclasses.replace(config, relative_values=switch)), image, KEY).slots
        for switch in (False, True)
    )
    assert jnp.abs(without - with_them).max() > 1e-3


def test_the_learnt_grid_is_the_features_last_two_channels():
    model = filled(ISAConfig(**MODELS["learnt-grid"]))
    image = jr.uniform(KEY, (*model.config.image_size, 3))
    out = run(model, image, KEY)
    frames, attention = out.frames, out.attention
    features = eqx.filter_jit(lambda m, i: m.position_embedding(*m.encoder(i)))(model, image)
    weights = attention / attention.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(frames.position, weights @ features[:, -2:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("path", ["initial_slots", "attention.gru.weight_hh"])
def test_it_starts_as_published(path):
    model = eqx.filter_jit(ISA)(ISAConfig(), key=KEY)
    if path == "initial_slots":
        assert float(model.initial_slots.std()) == pytest.approx(1, abs=0.2)
    else:
        for gate in jnp.split(model.attention.gru.weight_hh, 3):
            np.testing.assert_allclose(gate @ gate.T, jnp.eye(64), atol=1e-5)
    layer = model.encoder.layers[1]
    assert float(layer.weight.std()) == pytest.approx((64 * 25) ** -0.5, rel=0.02)
    assert not layer.bias.any()
    assert model.attention.norm_slots.eps == 1e-6


def test_plain_slot_attention_needs_no_key_and_the_invariant_ones_do(small, image, out):
    if small.config.variant == "sa":
        np.testing.assert_array_equal(eqx.filter_jit(small)(image).slots, out.slots)
    else:
        with pytest.raises(ValueError, match="pass key=.* or frames="):
            small(image)


def test_an_image_known_within_jit_is_checked_too():
    model, bright = filled(ISAConfig(**MODELS["sa"])), jnp.full((14, 11, 3), 2.0)
    with pytest.raises(ValueError, match="got values from 2 to 2"):
        jax.eval_shape(lambda: model(bright))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda i: i[:-1], r"shape \(14, 11, 3\).*got shape \(13, 11, 3\)"),
        (lambda i: i[None], r"got shape \(1, 14, 11, 3\); a batch is a jax.vmap"),
        (lambda i: (i * 255).astype(jnp.uint8), r"got dtype uint8: divide 8-bit values by 255"),
        (lambda i: i.astype("bfloat16"), "as precise as the weights, float32; got bfloat16"),
        (lambda i: i * 255, r"in \[0, 1\]; got values from .* to 25"),
        (lambda i: i.at[0].set(jnp.nan), r"got values from nan to nan"),
    ],
)
def test_an_image_that_is_none_is_refused(spoil, message):
    model, image = filled(ISAConfig(**MODELS["isa-t"])), jr.uniform(KEY, (14, 11, 3))
    with pytest.raises(ValueError, match=message):
        model(spoil(image), key=KEY)


def test_as_many_frames_as_slots(small, image):
    frames = small.symmetry.initial(2, jnp.float32, key=KEY)
    with pytest.raises(ValueError, match="wanted frames for 3 slots, got 2"):
        small(image, frames=frames)


def test_a_frame_has_an_extent(small, image):
    frames = eqx.tree_at(lambda f: f.scale, identity(3), jnp.zeros((3, 2)))
    with pytest.raises(ValueError, match="scales of frames must be above 0, got 0"):
        small(image, frames=frames)


def test_it_computes_in_the_precision_of_weights_and_image(small, image):
    with jax.enable_x64(True):
        model = jax.tree.map(lambda x: x.astype(jnp.float64) if eqx.is_array(x) else x, small)
        out = eqx.filter_eval_shape(model, image.astype(jnp.float64), key=KEY)
        given = eqx.filter_eval_shape(model, image.astype(jnp.float64), frames=identity(3))
    assert {leaf.dtype for leaf in jax.tree.leaves((out, given))} == {jnp.dtype("float64")}


def test_a_frame_keeps_the_identity_where_a_symmetry_has_none(small, out):
    variant, frames = small.config.variant, out.frames
    for field, without in (
        ("position", ("sa",)),
        ("scale", ("sa", "isa-t")),
        ("rotation", ("sa", "isa-t", "isa-ts")),
    ):
        got, untouched = getattr(frames, field), getattr(identity(3), field)
        assert bool((got == untouched).all()) == (variant in without), field


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"variant": "isa-tt"}, "Unknown variant 'isa-tt'; valid ones are sa, isa-t"),
        ({"slot_sise": 64}, "slot_sise.*Did you mean 'slot_size'"),
        ({"num_slots": True}, "num_slots must be a whole number, got True"),
        ({"num_slots": 0}, "num_slots must be whole numbers from 1 to 16,384, got 0"),
        ({"encoder_strides": [2]}, "encoder_strides must have one entry per layer, got 4 and 1"),
        ({"decoder_strides": [2]}, "decoder_strides must have one entry per layer, got 6 and 1"),
        (
            {"encoder_channels": []},
            r"encoder_channels must be whole numbers from 1 to 16,384, got \(\)",
        ),
        ({"decoder_strides": [2, 1, 1, 1, 1, 1]}, r"a multiple of 2, the product.* got \(35, 35\)"),
        ({"encoder_blocks": [1] * 4, "encoder_channels": [48] * 4}, "must be multiples of 32"),
        ({"variant": "sa", "learnt_grid": True}, "learnt_grid must be False for sa"),
        ({"variant": "sa", "relative_values": False}, "relative_values must be True for sa"),
    ],
)
def test_a_config_that_is_none_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ISAConfig.from_dict(fields)


@pytest.mark.parametrize("axes", [None, (None, 0, 0), (0, 0, 0)], ids=["one", "images", "seeds"])
@pytest.mark.parametrize("kind", ["isa-t", "isa-tsr"])
def test_a_decoder_that_recomputes_paints_the_same_with_the_same_slopes(kind, axes):
    """Also of a batch of images, and of several models; of each, and of their sum."""
    model = filled(ISAConfig(**MODELS[kind]))
    arrays, rest = eqx.partition(model, eqx.is_array)
    inputs = [arrays, model.initial_slots, model.symmetry.initial(3, jnp.float32, key=KEY)]
    for place, axis in enumerate(axes or ()):
        if axis == 0:
            inputs[place] = jax.tree.map(lambda x: jnp.stack([x, x * 0.9]), inputs[place])

    @functools.partial(jax.jit, static_argnums=1)
    def slopes(inputs, recompute):
        def painted(arrays, slots, frames):
            decoded = eqx.combine(arrays, rest).decode(slots, frames, recompute=recompute)
            return jnp.sin(decoded.mask_logits).sum() + jnp.sin(decoded.slot_reconstructions).sum()

        every, of_one = (0, 1, 2), jax.value_and_grad(painted, (0, 1, 2))
        if axes is None:
            return of_one(*inputs)
        together = jax.vmap(painted, in_axes=axes)
        return (
            jax.grad(lambda *inputs: together(*inputs).sum(), every)(*inputs),
            jax.vmap(of_one, in_axes=axes)(*inputs),
        )

    ours, wanted = (slopes(inputs, recompute) for recompute in (True, False))
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
