"""A saved model comes back as it was, or with a sentence that says why not."""

import errno
import resource

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import safetensors.numpy

import hub
from hub.push import shared_files
from isa_eqx import ISA, ISAConfig

from ..conftest import MODELS, filled, run


@pytest.fixture
def folder(small, tmp_path):
    small.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_it_computes_the_same(small, folder):
    image = jr.uniform(jr.key(2), (*small.config.image_size, 3))
    a, b = (run(m, image, jr.key(1)) for m in (small, ISA.from_pretrained(str(folder))))
    np.testing.assert_array_equal(a.painted.reconstruction, b.painted.reconstruction)


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


@pytest.fixture(scope="module")
def model():
    return filled(ISAConfig(**MODELS["isa-t"]))


def half(model):
    return eqx.partition(model, eqx.is_array)[1]


def ensemble(model):
    return jax.tree.map(lambda x: np.stack([x, x]), model)


def more_slots(model):
    return eqx.tree_at(lambda m: m.initial_slots, model, replace_fn=lambda x: np.tile(x, (2, 1)))


def rounded(model):
    return jax.tree.map(lambda x: np.asarray(x).astype(np.int8), model)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("mistake", "problem"),
    [
        (half, r"missing initial_slots \(3, 8\)"),
        (ensemble, r"initial_slots should be \(3, 8\), is \(2, 3, 8\)"),
        (more_slots, r"initial_slots should be \(3, 8\), is \(6, 8\)"),
        (rounded, "initial_slots should be float32, is int8"),
    ],
)
def test_a_model_that_could_not_be_loaded_replaces_nothing(model, tmp_path, mistake, problem):
    model.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=f"nothing was saved.*{problem}"):
        mistake(model).save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.quick
@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ({"other": None}, "there are no arrays in this tree"),
        ({"a.b": np.ones(1), "a": {"b": np.zeros(2)}}, r"two arrays of the tree are called a\.b"),
        ({"a": jax.ShapeDtypeStruct((2,), jnp.float32)}, r"a is only a shape, \(2,\)"),
        ({"key": jr.key(0)}, "key is key<fry>; what is saved is BOOL"),
        ({"low": np.ones(2, jnp.float8_e4m3fn)}, "low is float8_e4m3fn; what is saved is BOOL"),
        ({"wave": np.ones(2, np.complex64)}, "wave is complex64; what is saved is BOOL"),
    ],
)
def test_a_tree_that_would_not_come_back_is_not_saved(tmp_path, tree, problem):
    path = tmp_path / "tree.safetensors"
    path.write_text("before")
    with pytest.raises(ValueError, match=problem):
        hub.save_tree(tree, path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"]


@pytest.mark.quick
def test_a_full_disk_is_an_error_of_the_system(tmp_path):
    """As of any other file: safetensors has an exception of its own for it."""
    path, (soft, hard) = tmp_path / "tree.safetensors", resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_text("before")
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            hub.save_tree({"large": np.ones(2**16)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"]


@pytest.mark.quick
@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_pointer_of_git_lfs_is_called_one(model, tmp_path, file):
    model.save_pretrained(tmp_path)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    (tmp_path / file).write_text(pointer)
    for read in (ISA.from_pretrained, shared_files):
        with pytest.raises(ValueError, match=rf"{file} is a pointer of Git LFS.*`git lfs pull`"):
            read(tmp_path)


@pytest.mark.quick
@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "int8", "complex64", "half a float"])
def test_weights_are_in_a_dtype_that_jax_computes_in(tmp_path, dtype):
    with pytest.raises(ValueError, match=f"dtype must be float32, bfloat16, .*; got '?{dtype}"):
        ISA.from_pretrained(tmp_path, dtype=dtype)
