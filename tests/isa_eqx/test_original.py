"""The authors' checkpoints become models, or a sentence says why not."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import msgpack
import numpy as np
import pytest

import hub
from isa_eqx import ISA, original
from isa_eqx.original import config
from isa_eqx.original.table import entries, grids

from ..published import CASES, case, weights

CASE, NAME = "clevr_with_masks.equiv_transl_scale", "clevr_isa_ts"


def packed(array):
    content = msgpack.packb((array.shape, array.dtype.name, array.tobytes()))
    return msgpack.ExtType(1, content)


def nested(flat):
    tree = {}
    for path, value in flat.items():
        *folders, leaf = path.split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[leaf] = value
    return tree


@pytest.fixture(scope="module")
def params():
    stored = weights(case(CASE))
    for path, (height, width) in grids(config(NAME)).items():
        axes = [jnp.linspace(-1, 1, size) for size in (height, width)]
        stored[path] = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)[None]
    return stored


@pytest.fixture
def checkpoint(params, tmp_path):
    """A file in the layout of the release: Adam's moments and all."""
    tree = nested({path: packed(array) for path, array in params.items()})
    step = msgpack.ExtType(3, msgpack.packb(((), "int32", b"\0" * 4)))
    adam = {"0": {}, "1": {"count": step, "mu": tree, "nu": tree}}
    state = {"step": step, "opt_state": adam, "params": tree, "variables": {}, "rng": step}
    path = tmp_path / "ckpt-0.flax"
    path.write_bytes(msgpack.packb(state))
    return path


def command(*arguments):
    words = [sys.executable, "-m", "isa_eqx.original", *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_the_command_writes_a_folder_of_the_published_model(checkpoint, params, tmp_path):
    code, said = command(checkpoint, NAME, tmp_path / "model")
    assert code == 0 and "from_pretrained" in said and "Warning" not in said, said
    model = ISA.from_pretrained(tmp_path / "model")
    assert model.config == config(NAME)
    card = (tmp_path / "model" / "README.md").read_text()
    assert "license: mit" in card and f"the folder `{NAME}` of their release" in card
    theirs = hub.named_arrays(original.from_params(params, NAME))
    for name, array in hub.named_arrays(model).items():
        np.testing.assert_array_equal(array, theirs[name])


def test_the_command_overwrites_nothing(checkpoint, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    code, said = command(checkpoint, NAME, tmp_path)
    assert code == 1 and "is not empty; name a new folder" in said and "Traceback" not in said


@pytest.mark.parametrize("name", original.NAMES)
def test_every_name_maps_every_parameter_both_ways(name):
    model = config(name)
    skeleton = hub.named_shapes(jax.eval_shape(lambda: ISA(model, key=jax.random.key(0))))
    table = list(entries(model))
    assert sorted(entry.ours for entry in table) == sorted(skeleton)
    theirs = [path for entry in table for path in entry.published]
    assert len(set(theirs)) == len(theirs)


def test_the_release_is_known_by_its_names():
    assert len(original.NAMES) == 30
    assert {"clevr_isa_ts_v2", "wo_isa_trs", "clevrtex_simplecnn_sa"} <= set(original.NAMES)
    assert config("clevrtex_isa_ts").learnt_grid and config("wo_isa_trs").learnt_grid
    assert config("clevrtex_isa_ts_v2").learnt_grid
    assert not config("clevrtex_isa_ts_v2").relative_values
    for name in ("clevrtex_isa_t", "clevrtex_sa", "clevrtex_simplecnn_isa_ts", "msne_isa_trs"):
        assert not config(name).learnt_grid and config(name).relative_values
    assert config("wo_isa_t").image_size == (128, 192)
    with pytest.raises(ValueError, match="Unknown published model 'clevr_isa_tsr'.*Did you mean"):
        original.from_params({}, "clevr_isa_tsr")


@pytest.mark.parametrize("name", CASES)
def test_weights_keep_their_precision(name):
    stored = weights(case(name))
    with jax.enable_x64(True):
        double = {path: array.astype(np.float64) for path, array in stored.items()}
        model = original.from_params(double, CASES[name])
        kinds = {leaf.dtype for leaf in jax.tree.leaves(model)}
    assert kinds == {np.dtype(np.float64)}


def test_everything_that_does_not_fit_is_said_at_once(params):
    spoilt = dict(params)
    gone = [path for path in spoilt if path.endswith("hn/bias") or path.endswith("alphas/kernel")]
    for path in gone:
        del spoilt[path]
    spoilt["Adapter_0/kernel"] = np.zeros((2, 2), np.float32)
    bent = "FrameEncoder_0/SimpleCNN_0/conv_simple_0/kernel"
    spoilt[bent] = np.zeros((3, 3, 3, 64), np.float32)
    with pytest.raises(ValueError) as caught:
        original.from_params(spoilt, NAME)
    message = str(caught.value)
    assert message.startswith(f"these are not the parameters of {NAME}:")
    assert all(f"missing {path} " in message for path in gone)
    assert "unexpected Adapter_0/kernel" in message
    assert f"{bent} should be (5, 5, 3, 64), is (3, 3, 3, 64)" in message
    assert len(message.splitlines()) == 5


def test_another_variant_is_recognised(params):
    with pytest.raises(ValueError, match="of clevr_isa_t, but of a model isa-ts:"):
        original.from_params(params, "clevr_isa_t")


def test_a_grid_that_was_changed_is_not_ignored(params):
    path = next(iter(grids(config(NAME))))
    with pytest.raises(ValueError, match="pos_embedding should be a coordinate grid"):
        original.from_params(params | {path: params[path] + 0.1}, NAME)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[:-1000], "is cut short or no Flax checkpoint"),
        (lambda content: content[:3], "is cut short or no Flax checkpoint"),
        (lambda content: b"", "is cut short or no Flax checkpoint"),
        (lambda content: b"PK\3\4 a zip of something else", "no Flax checkpoint"),
        (lambda content: content + b"\0", "is cut short or no Flax checkpoint"),
        (lambda content: b"\x91" * 100_000, "is cut short or no Flax checkpoint"),
        (lambda content: msgpack.packb({"weights": 1}), r"wanted a map with params, .*'weights'"),
        (lambda content: msgpack.packb([1, 2]), "wanted a map with params, got a list"),
        (lambda content: msgpack.packb({"params": {"a": 1}}), "is damaged: a is no array"),
    ],
)
def test_a_file_that_is_none_is_said(checkpoint, spoil, message):
    checkpoint.write_bytes(spoil(checkpoint.read_bytes()))
    with pytest.raises(ValueError, match=message):
        original.load(checkpoint, NAME)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (((2, 2), "float32", b"\0" * 15), "in 15 bytes"),
        (((10**9, 10**9), "float32", b""), "in 0 bytes"),
        (((-1,), "float32", b""), "its shape is"),
        (((1,), "object", b"\0" * 8), "wanted a dtype of float16"),
        (((1,), "float32"), "is no array"),
    ],
)
def test_an_array_that_lies_is_said(tmp_path, array, message):
    lie = {"params": {"a": {"b": msgpack.ExtType(1, msgpack.packb(array))}}}
    (tmp_path / "ckpt").write_bytes(msgpack.packb(lie))
    with pytest.raises(ValueError, match=rf"a/b is no array.*{message}|a/b {message}"):
        original.load(tmp_path / "ckpt", NAME)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        original.load(tmp_path / "nothing", NAME)


def test_without_msgpack_it_says_what_to_install(checkpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises(ImportError, match=r'pip install "isa-eqx\[original\]"'):
        original.load(checkpoint, NAME)
