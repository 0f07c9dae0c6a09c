"""A model that explains features: what it sees, what it paints, and what is saved of it."""

import dataclasses

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import hub
from isa_eqx import ISA, Features, ISAConfig, PrincipalComponents, backbones, fit_components
from isa_eqx.grid import coordinates, patch_coordinates

from .. import handmade_backbone as handmade
from ..conftest import FEATURES, HUB, KEY, SMALL, assert_same, filled
from ..laws import assert_close, decoded, explained, law
from ..strategies import EPSILON, INVARIANT, SLOTS, frames, pairs, picture, seeds, used
from .test_moved_objects import slots_from

CELLS = 4, 3


@pytest.fixture(scope="module", params=("sa", *INVARIANT))
def model(request):
    return filled(ISAConfig(**FEATURES | dict(variant=request.param)))


def test_slots_explain_the_principal_components_of_every_patch(model):
    image = picture(model, 0)
    found = eqx.filter_jit(lambda model: model.target(image))(model)
    vectors = handmade.tokens(0, np.asarray(image), "antialias", normalised=False)[1:]
    kept = model.components
    wanted = (vectors - np.asarray(kept.mean)) @ np.asarray(kept.axes, "f8").T / float(kept.scale)
    assert found.shape == (*CELLS, 6)
    np.testing.assert_allclose(found.reshape(-1, 6), wanted, rtol=1e-4, atol=1e-4)


def test_with_all_numbers_they_explain_the_vectors_as_they_are():
    model = filled(ISAConfig(**FEATURES | dict(components=handmade.SIZE)))
    image = picture(model, 0)
    assert model.components is None
    wanted = model.backbone(image).reshape(*CELLS, -1)
    np.testing.assert_array_equal(model.target(image), wanted)


def test_components_are_orthonormal_and_keep_what_varies_most():
    rng = np.random.default_rng(0)
    config = ISAConfig(**FEATURES | dict(components=2))
    spread = np.array([1, 9, 0.1, 4] + [0.1] * 8)
    turn = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    vectors = (5 + rng.normal(size=(5000, 12)) * spread) @ turn
    found = fit_components(config, vectors.astype("f4"))
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(2), atol=1e-5)
    assert (np.abs(found.axes @ turn.T[:, [1, 3]]).diagonal() > 0.999).all()
    assert (np.asarray(found.axes).max(axis=1) == np.abs(found.axes).max(axis=1)).all()
    kept = np.asarray(found(jnp.asarray(vectors, jnp.float32)))
    np.testing.assert_allclose(kept.mean(axis=0), 0, atol=1e-3)
    assert np.square(kept).mean() == pytest.approx(1, rel=1e-3)
    with pytest.raises(ValueError, match="2 components are fitted to as many patches"):
        fit_components(config, vectors[:1])


def test_no_gradient_reaches_backbone_or_components(model):
    image = picture(model, 0)

    def error(model):
        out = model(image, key=KEY)
        return jnp.square(out.painted.reconstruction - model.target(image)).sum()

    slope = eqx.filter_jit(eqx.filter_grad(error))(model)
    for frozen in (slope.backbone, slope.components):
        assert all((leaf == 0).all() for leaf in jax.tree.leaves(frozen))
    assert all((leaf != 0).any() for leaf in jax.tree.leaves(slope.encoder))


def test_masks_of_patches_are_enlarged_before_they_are_compared(model):
    out = explained(model, picture(model, 1), used(start(0), model.symmetry))
    assert isinstance(out.painted, Features)
    assert out.masks.shape == (SLOTS, 16, 12)
    places = [np.clip((np.arange(n) + 0.5) / 4 - 0.5, 0, n / 4 - 1) for n in (16, 12)]
    wanted = np.asarray(out.painted.masks, "f8")
    for axis, place in enumerate(places, 1):
        low, share = np.floor(place).astype(int), place % 1
        high = np.minimum(low + 1, wanted.shape[axis] - 1)
        share = share.reshape((-1, 1) if axis == 1 else -1)
        wanted = wanted.take(low, axis) * (1 - share) + wanted.take(high, axis) * share
    np.testing.assert_allclose(out.masks, wanted, atol=1e-5)
    np.testing.assert_array_equal(out.segmentation, out.masks.argmax(axis=0))
    assert_close(jax.nn.softmax(out.mask_logits, axis=0), out.masks, 16 * EPSILON)
    for missing in ("reconstruction", "slot_reconstructions"):
        with pytest.raises(AttributeError, match="this model explains features of a backbone"):
            getattr(out, missing)


def start(seed):
    rng = np.random.default_rng(seed)
    position = jnp.asarray(rng.uniform(-1, 1, (SLOTS, 2)), jnp.float32)
    plain = filled(ISAConfig(**SMALL)).symmetry.initial(SLOTS, jnp.float32, key=KEY)
    return dataclasses.replace(plain, position=position)


@law(
    seed=seeds,
    frames=frames(smallest=0.1),
    slot=st.integers(0, SLOTS - 1),
    shift=pairs(st.integers(-2, 2)),
)
def test_a_frame_that_moves_by_patches_moves_its_picture(model, seed, frames, slot, shift):
    """Unless it is of `sa`, which has none."""
    frames = used(frames, model.symmetry)
    patches = 2 * handmade.PATCH / (np.array(model.config.image_size) - 1)
    step = np.zeros((SLOTS, 2), np.float32)
    step[slot] = shift * patches * bool(model.symmetry.fields)
    here, there = (
        decoded(model, slots_from(seed), f).painted
        for f in (frames, frames.moved(shift=jnp.asarray(step)))
    )
    moved = [n if model.symmetry.fields else 0 for n in shift]
    inner = tuple(slice(max(n, 0), size + min(n, 0)) for n, size in zip(moved, CELLS, strict=True))
    for before, after in ((here.values, there.values), (here.mask_logits, there.mask_logits)):
        wanted = np.roll(before[slot], moved, axis=(0, 1))[inner]
        assert_close(after[slot][inner], wanted, 256 * EPSILON)


def test_patches_have_the_coordinates_of_their_centres():
    pixels = np.asarray(coordinates(16, 12)).reshape(16, 12, 2)
    centres = pixels.reshape(4, 4, 3, 4, 2).mean(axis=(1, 3)).reshape(-1, 2)
    np.testing.assert_allclose(patch_coordinates(4, 3, 4), centres, atol=1e-6)


def test_a_backbone_knows_where_a_patch_is():
    """So the whole is not equivariant, although attention and decoder are: see docs/laws.md."""
    model = filled(ISAConfig(**FEATURES))
    image = jnp.full((16, 12, 3), 0.5).at[4:8, 4:8].set(jnp.asarray([0.9, 0.1, 0.3]))
    moved = jnp.roll(image, 4, axis=0)
    here, there = (np.asarray(model.target(x)) for x in (image, moved))
    assert np.abs(there[2, 1] - here[1, 1]).max() > 0.01 * np.abs(here).max()


@pytest.mark.parametrize("size", [(16, 12), (32, 24), (8, 20)])
def test_the_same_slots_explain_images_of_another_size(model, size):
    larger = model.with_image_size(*size)
    out = explained(larger, picture(larger, 0), used(start(0), larger.symmetry))
    assert out.masks.shape == (SLOTS, *size)
    assert out.attention.shape == (SLOTS, size[0] // 4 * size[1] // 4)
    for name, array in hub.named_arrays(model).items():
        np.testing.assert_array_equal(hub.named_arrays(larger)[name], array)
    with pytest.raises(ValueError, match="image_size must be a multiple of 4"):
        model.with_image_size(10, 12)


def test_what_is_saved_holds_no_backbone(model, tmp_path):
    model.save_pretrained(tmp_path)
    names = hub.named_arrays(model.saved_part()).keys()
    assert not any(name.startswith("backbone") for name in names)
    assert {"components.mean", "components.axes", "components.scale"} <= names
    whole = sum(array.nbytes for array in hub.named_arrays(model).values())
    assert (tmp_path / "model.safetensors").stat().st_size < whole
    assert_same(ISA.from_pretrained(tmp_path), model)
    assert_same(ISA.from_pretrained(tmp_path, dtype="bfloat16").with_backbone(None), bf16(model))


def bf16(model):
    return jax.tree.map(lambda x: x.astype("bfloat16"), model.with_backbone(None))


def test_a_pushed_model_comes_with_its_backbone_at_its_commit(tmp_path, monkeypatch):
    HUB.clear()
    folder = handmade.folder()
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    HUB.put("someone/backbone", files)
    pinned = backbones.pin("someone/backbone")
    assert pinned.name == f"someone/backbone@{HUB.repo('someone/backbone').refs['main']}"
    named = dict(backbone=pinned.name, backbone_sha256=pinned.sha256)
    model = filled(ISAConfig(**FEATURES))
    model = model.with_config(dataclasses.replace(model.config, **named))
    model.save_pretrained(tmp_path / "model")
    HUB.put("user/photos", {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()})
    HUB.put("someone/backbone", {"config.json": b"{}"})  # has changed since
    cached = dict(cache_dir=tmp_path / "cache")
    assert_same(ISA.from_pretrained("user/photos", **cached), model)
    HUB.clear()
    assert_same(ISA.from_pretrained("user/photos", local_files_only=True, **cached), model)
    with pytest.raises(
        (ValueError, ConnectionError), match="the model is there, but not its backbone: .*folder"
    ):
        ISA.from_pretrained(tmp_path / "model", local_files_only=True, cache_dir=tmp_path / "no")


def test_another_backbone_than_its_own_is_refused(tmp_path):
    model = filled(ISAConfig(**FEATURES))
    other = dataclasses.replace(model.config, backbone_sha256="0" * 64)
    model.with_config(other).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="this is not the backbone that was asked for"):
        ISA.from_pretrained(tmp_path)
    bare = model.with_backbone(None)
    with pytest.raises(ValueError, match="the backbone of this model, .*, is not there"):
        bare(picture(model, 0), key=KEY)
    out = bare.explain(model.target(picture(model, 0)), key=KEY)
    assert out.masks.shape == (SLOTS, 16, 12)
    wrong = dataclasses.replace(model.config, backbone_size=13)
    skeleton = eqx.filter_eval_shape(ISA, wrong, key=jr.key(0))
    with pytest.raises(ValueError, match="has vectors of 13 and patches of 4; got one of 12 and 4"):
        skeleton.with_backbone(model.backbone)
    with pytest.raises(ValueError, match="explains colours, and has no backbone"):
        filled(ISAConfig(**SMALL)).with_backbone(model.backbone)
    with pytest.raises(ValueError, match=r"has shape \(4, 3, 6\); got \(4, 3, 5\)"):
        model.explain(jnp.zeros((4, 3, 5)), key=KEY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(target="depth"), "Unknown target 'depth'; valid ones are colours, features"),
        (dict(backbone=""), "backbone is missing, for a model with target features"),
        (dict(components=0), "components is missing"),
        (dict(components=13), "components must be at most 12, the backbone's numbers, got 13"),
        (dict(components=-1), "components must be whole numbers from 1"),
        (dict(image_size=(16, 13)), "image_size must be a multiple of 4, the backbone's patch"),
        (dict(encoder_strides=(2,)), "has one of encoder_channels, with stride 1"),
        (dict(decoder_strides=(1, 1)), "decodes every patch by itself: leave out decoder_strides"),
        (dict(target="colours"), "backbone is for a model with target features; leave it out"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        ISAConfig(**FEATURES | change)


def test_a_model_of_colours_is_saved_as_before():
    assert ISAConfig(**SMALL).to_dict().keys() == ISAConfig().to_dict().keys()
    assert "target" not in ISAConfig().to_dict()
    assert isinstance(filled(ISAConfig(**FEATURES)).components, PrincipalComponents)
