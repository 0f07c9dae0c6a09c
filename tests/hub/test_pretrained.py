"""A saved model comes back as it was, or with a sentence that says why not."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import safetensors.numpy

import hub
from isa_eqx import ISA

from ..conftest import run


@pytest.fixture
def folder(small, tmp_path):
    small.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_it_computes_the_same(small, folder):
    image = jr.uniform(jr.key(2), (*small.config.image_size, 3))
    a, b = (run(m, image, jr.key(1)) for m in (small, ISA.from_pretrained(str(folder))))
    np.testing.assert_array_equal(a.reconstruction, b.reconstruction)


def test_names_are_paths(small):
    names = hub.named_arrays(small).keys()
    assert {"decoder.layers.0.weight", "attention.gru.weight_hh", "initial_slots"} <= names


def test_every_tensor_that_does_not_fit_is_named(folder):
    path = folder / "model.safetensors"
    arrays = safetensors.numpy.load_file(path)
    arrays["decoder.extra"] = arrays.pop("initial_slots")
    arrays["attention.query.weight"] = arrays["attention.query.weight"][:-1].copy()
    safetensors.numpy.save_file(arrays, path)
    with pytest.raises(ValueError) as caught:
        ISA.from_pretrained(folder)
    message = str(caught.value)
    assert "missing initial_slots (3, 8)" in message
    assert "unexpected 'decoder.extra'" in message
    assert "attention.query.weight should be (8, 8), is (7, 8)" in message


@pytest.mark.parametrize("harm", ["truncate", "foreign", "remove"])
def test_damaged_weights_are_said(folder, harm):
    path = folder / "model.safetensors"
    if harm == "truncate":
        path.write_bytes(path.read_bytes()[:1000])
    elif harm == "foreign":
        path.write_text("<html>404</html>")
    else:
        path.unlink()
    with pytest.raises(ValueError, match=r"model\.safetensors (is damaged or no|there)"):
        ISA.from_pretrained(folder)


@pytest.mark.quick
def test_saving_leaves_other_files_and_replaces_its_own(small, folder):
    (folder / "notes.txt").write_text("mine")
    small.save_pretrained(folder)
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "notes.txt",
    ]


@pytest.mark.quick
def test_a_write_that_fails_changes_nothing(folder):
    path = folder / "config.json"
    before = path.read_text()
    with pytest.raises(RuntimeError), hub.atomic_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == before
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]


@pytest.mark.quick
def test_arrays_that_are_not_contiguous_are_saved_as_they_look(tmp_path):
    tree = {"turned": jnp.arange(6.0).reshape(2, 3).T, "one": jnp.asarray(2.0)}
    hub.save_tree(tree, tmp_path / "tree.safetensors")
    back = hub.load_tree(jax.eval_shape(lambda: tree), tmp_path / "tree.safetensors")
    np.testing.assert_array_equal(back["turned"], tree["turned"])
    assert back["one"].shape == ()
