"""A backbone reads what lies on the Hub, and computes what an independent one does."""

import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from isa_eqx import backbones
from isa_eqx.backbones.positions import RESIZINGS, resize_positions

from .. import handmade_backbone as handmade
from ..conftest import HUB

REGISTERS = 0, 4
SIZES = (20, 20), (12, 12), (8, 28)  # of the table; smaller; lower and wider
# `facebook/dinov2-small`, or what else has its form, and values of it: see CONTRIBUTING.md.
REAL = "ISA_EQX_DINOV2"


@pytest.fixture(params=REGISTERS)
def registers(request):
    return request.param


@pytest.fixture
def folder(registers, tmp_path):
    return handmade.write(tmp_path / "backbone", registers)


def picture(height, width):
    return np.random.default_rng(1).uniform(size=(height, width, 3)).astype("f4")


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("resizing", RESIZINGS)
@pytest.mark.parametrize("size", SIZES)
def test_its_tokens_are_those_of_an_independent_one(folder, registers, size, resizing, normalised):
    image, vit = picture(*size), backbones.load(folder)
    options = dict(resizing=resizing, normalised=normalised)
    found = jax.jit(lambda x: vit.tokens(x, **options))(image)
    wanted = handmade.tokens(registers, image, resizing, normalised)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    patches = vit(jnp.asarray(image), **options)
    np.testing.assert_allclose(patches, wanted[1 + registers :], rtol=1e-4, atol=1e-4)
    assert len(patches) == np.prod(vit.grid_size(*size))


def test_the_two_resizings_differ_where_a_table_becomes_smaller():
    table = jnp.asarray(np.random.default_rng(0).normal(size=(37, 37, 2)), jnp.float32)
    one, other = (resize_positions(table, 16, 16, kind) for kind in RESIZINGS)
    assert jnp.linalg.norm(one - other) > 0.3 * jnp.linalg.norm(other)
    for kind in RESIZINGS:  # a constant stays what it is, at the edges as well
        np.testing.assert_allclose(
            resize_positions(jnp.ones((37, 37, 1)), 16, 50, kind), 1, rtol=1e-5
        )


def test_blocks_in_16_bits_are_near_those_in_32(folder):
    image, vit = jnp.asarray(picture(12, 12)), backbones.load(folder)
    whole, half = vit(image), vit(image, dtype=jnp.bfloat16)
    assert half.dtype == jnp.float32
    error = jnp.linalg.norm(whole - half) / jnp.linalg.norm(whole)
    assert 1e-4 < error < 3e-2


def test_what_it_cannot_take_is_refused(folder):
    with pytest.raises(ValueError, match=r"multiples of 4, .* got 12 × 13"):
        backbones.load(folder)(jnp.zeros((12, 13, 3)))
    with pytest.raises(ValueError, match="Unknown resizing 'bicubic'; .* antialias, plain"):
        backbones.load(folder)(jnp.zeros((20, 20, 3)), resizing="bicubic")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(model_type="vit"), "Unknown model_type of a backbone 'vit'; .* dinov2"),
        (dict(use_swiglu_ffn=True), "use_swiglu_ffn must be False, got True"),
        (dict(hidden_act="gelu_new"), "hidden_act must be gelu, got 'gelu_new'"),
        (dict(hidden_size=10**9), "hidden_size must be a whole number from 1 to 16,384"),
        (dict(hidden_size="12"), "hidden_size must be a whole number"),
        (dict(num_attention_heads=5), "multiple of num_attention_heads"),
        (dict(layer_norm_eps="0"), "layer_norm_eps must lie between 0 and 1"),
        (dict(num_hidden_layers=3), r"missing encoder\.layer\.2\.attention"),
        (dict(image_size=24), r"position_embeddings should be \(1, 37, 12\), is \(1, 26, 12\)"),
    ],
)
def test_a_configuration_that_is_not_its_own_is_refused(tmp_path, change, said):
    folder = handmade.write(tmp_path)
    (folder / "config.json").write_text(json.dumps(handmade.fields(0) | change))
    with pytest.raises(ValueError, match=said):
        backbones.load(folder)


def test_weights_that_are_not_whole_are_refused(tmp_path, folder, registers):
    file = folder / "model.safetensors"
    arrays = load_file(file)
    removed = arrays.pop("encoder.layer.1.mlp.fc2.bias")
    save_file(arrays | {"encoder.layer.9.mlp.fc2.bias": removed}, file)
    with pytest.raises(ValueError, match=r"missing encoder\.layer\.1\.mlp\.fc2\.bias .*unexpected"):
        backbones.load(folder)
    file.write_bytes(
        handmade.write(tmp_path / "other", registers).joinpath(file.name).read_bytes()[:-9]
    )
    with pytest.raises(ValueError, match="is damaged or no safetensors file"):
        backbones.load(folder)


def test_another_file_than_the_one_that_was_named_is_refused(folder):
    digest = backbones.pin(folder).sha256
    assert backbones.load(folder, sha256=digest).config == backbones.load(folder).config
    with pytest.raises(ValueError, match=f"its SHA-256 is {digest}, not {'0' * 64}"):
        backbones.load(folder, sha256="0" * 64)


def test_it_is_read_from_a_repo_at_its_commit(folder):
    repo, files = "someone/backbone", {path.name: path.read_bytes() for path in folder.iterdir()}
    HUB.clear()
    HUB.put(repo, files)
    commit = HUB.repo(repo).refs["main"]
    HUB.put(repo, {"config.json": b"{}"})
    with pytest.raises(ValueError, match="Unknown model_type of a backbone None"):
        backbones.load(repo)
    vit = backbones.load(f"{repo}@{commit}")
    assert vit.config == backbones.load(folder).config
    HUB.clear()
    again = backbones.load(repo, revision=commit, local_files_only=True)
    np.testing.assert_array_equal(again.patches, vit.patches)


@pytest.mark.skipif(REAL not in os.environ, reason=f"{REAL} names no folder")
def test_a_real_one_has_the_values_of_onnx_runtime():
    """At 224 × 224, two images; values of an implementation that shares no code with this one."""
    folder = Path(os.environ[REAL])
    stored = np.load(folder / "reference.npz")
    vit = backbones.load(folder)
    tokens = jax.jit(lambda x: vit.tokens(x, resizing="plain", normalised=True))
    for image, values in zip(stored["images"], stored["values"], strict=True):
        found = np.asarray(tokens(jnp.asarray(image, jnp.float32) / 255))[stored["tokens"]]
        np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-4 * np.abs(values).max())
