"""The model: its size, its outputs, its start, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from isa_eqx import ISA, Frame, ISAConfig, coordinates

KEY = jr.key(1)


@pytest.fixture(scope="module")
def image(small: ISA) -> jax.Array:
    return jr.uniform(jr.key(2), (*small.config.image_size, 3))


@pytest.mark.parametrize("variant", ["sa", "isa-t"])
def test_the_published_size_is_730308_parameters(variant):
    model = eqx.filter_eval_shape(ISA, ISAConfig(variant=variant), key=KEY)
    assert sum(leaf.size for leaf in jax.tree.leaves(model)) == 730_308


def test_masks_and_attention_sum_to_one_over_slots(small, image):
    out = small(image, key=KEY)
    np.testing.assert_allclose(out.masks.sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(out.attention.sum(axis=0), 1, rtol=1e-6)


def test_reconstruction_is_the_slots_pictures_weighted_by_masks(small, image):
    out = small(image, key=KEY)
    weighted = jnp.einsum("khw,khwc->hwc", out.masks, out.slot_reconstructions)
    np.testing.assert_allclose(out.reconstruction, weighted, atol=1e-6)


def test_decoding_the_slots_again_gives_the_same_picture(small, image):
    out = small(image, key=KEY)
    again = small.decode(out.slots, out.frames)
    np.testing.assert_allclose(again.reconstruction, out.reconstruction, atol=1e-6)


def test_some_pixels_decode_as_in_the_whole_picture(small, image):
    out = small(image, key=KEY)
    chosen = jnp.array([3, 77, 140, 3])
    grid = coordinates(*small.config.image_size)[chosen]
    colours, logits = small.decode_at(out.slots, out.frames, grid)
    np.testing.assert_allclose(logits, out.mask_logits.reshape(3, -1)[:, chosen], atol=1e-5)
    np.testing.assert_allclose(
        colours, out.slot_reconstructions.reshape(3, -1, 3)[:, chosen], atol=1e-5
    )


def test_a_batch_is_a_vmap_and_keeps_every_property(small, image):
    images, keys = jnp.stack([image, 1 - image]), jr.split(KEY, 2)
    out = jax.jit(jax.vmap(lambda i, k: small(i, key=k)))(images, keys)
    for index in (0, 1):
        one = small(images[index], key=keys[index])
        for name in ("slots", "attention", "masks", "reconstruction", "segmentation"):
            np.testing.assert_allclose(getattr(out, name)[index], getattr(one, name), atol=2e-5)


def test_frames_given_are_frames_drawn(image, small):
    frames = small.symmetry.initial(3, jnp.float32, key=KEY)
    given, drawn = small(image, frames=frames), small(image, key=KEY)
    np.testing.assert_allclose(given.slots, drawn.slots, atol=1e-6)


def test_moving_a_frame_moves_that_slots_picture_and_no_other(image):
    size = dict(image_size=(14, 11), num_slots=3, encoder_channels=(6,), encoder_strides=(1,))
    model = eqx.filter_jit(ISA)(ISAConfig(**size, decoder_channels=(16, 16)), key=jr.key(0))
    out = model(image, key=KEY)
    rows = 3
    moved = eqx.tree_at(
        lambda f: f.position, out.frames, out.frames.position.at[1, 0].add(2 * rows / 13)
    )
    after = model.decode(out.slots, moved).slot_reconstructions
    before = out.slot_reconstructions
    np.testing.assert_allclose(after[1, rows:], before[1, :-rows], atol=2e-6)
    np.testing.assert_array_equal(after[jnp.array([0, 2])], before[jnp.array([0, 2])])
    assert jnp.abs(after[1] - before[1]).max() > 1e-3


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


def test_plain_slot_attention_needs_no_key_and_the_invariant_ones_do(small, image):
    if small.config.variant == "sa":
        np.testing.assert_array_equal(small(image).slots, small(image, key=KEY).slots)
    else:
        with pytest.raises(ValueError, match="pass key=.* or frames="):
            small(image)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda i: i[:-1], r"shape \(14, 11, 3\).*got shape \(13, 11, 3\)"),
        (lambda i: i[None], r"got shape \(1, 14, 11, 3\); a batch is a jax.vmap"),
        (lambda i: (i * 255).astype(jnp.uint8), r"got dtype uint8: divide 8-bit values by 255"),
        (lambda i: i * 255, r"in \[0, 1\]; got values from .* to 25"),
        (lambda i: i.at[0].set(jnp.nan), r"got values from nan to nan"),
    ],
)
def test_an_image_that_is_none_is_refused(small, image, spoil, message):
    with pytest.raises(ValueError, match=message):
        small(spoil(image), key=KEY)


def test_as_many_frames_as_slots(small, image):
    frames = small.symmetry.initial(2, jnp.float32, key=KEY)
    with pytest.raises(ValueError, match="wanted frames for 3 slots, got 2"):
        small(image, frames=frames)


def test_it_computes_in_the_precision_of_weights_and_image(small, image):
    with jax.enable_x64(True):
        model = jax.tree.map(lambda x: x.astype(jnp.float64) if eqx.is_array(x) else x, small)
        out = model(image.astype(jnp.float64), key=KEY)
    assert {leaf.dtype for leaf in jax.tree.leaves(out)} == {jnp.dtype("float64")}


def test_a_frame_keeps_the_identity_where_a_symmetry_has_none(small, image):
    frames = small(image, key=KEY).frames
    assert isinstance(frames, Frame)
    np.testing.assert_array_equal(frames.scale, jnp.ones((3, 2)))
    np.testing.assert_array_equal(frames.rotation, jnp.broadcast_to(jnp.eye(2), (3, 2, 2)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"variant": "isa-tt"}, "Unknown variant 'isa-tt'; valid ones are sa, isa-t"),
        ({"slot_sise": 64}, "slot_sise.*Did you mean 'slot_size'"),
        ({"num_slots": 0}, "num_slots must be whole numbers above 0, got 0"),
        ({"encoder_strides": [2]}, "one entry per convolution, got 4 and 1"),
    ],
)
def test_a_config_that_is_none_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ISAConfig.from_dict(fields)
