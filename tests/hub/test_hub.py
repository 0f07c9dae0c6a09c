"""Pushed and pulled, a model is what it was: the real client against a Hub on this machine."""

import json
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hub
from hub.push import main as push
from isa_eqx import ISA, VARIANTS, ISAConfig

from ..conftest import DEEP, HUB, SMALL, assert_same, filled, run_lines
from ..loopback import OWNER, READER, STRANGER

REPO = "user/isa"
FILES = {"README.md", "config.json", "model.safetensors"}


@pytest.fixture(autouse=True)
def hub_and_token(monkeypatch):
    HUB.clear()
    monkeypatch.setenv("HF_TOKEN", OWNER)


@pytest.fixture(scope="module")
def model():
    return filled(ISAConfig(**SMALL))


def numbered(model, number):
    """The model with something to know it by."""
    return eqx.tree_at(lambda m: m.initial_slots, model, replace_fn=lambda x: 0 * x + number)


def number(model):
    return float(model.initial_slots[0, 0])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("sizes", [SMALL, DEEP], ids=["cnn", "resnet"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "bfloat16 weights"])
def test_what_was_pushed_is_pulled(tmp_path, variant, sizes, dtype):
    config, weights = ISAConfig(**sizes | dict(variant=variant, dtype=dtype.split()[0])), "float32"
    if dtype == "bfloat16 weights":
        weights = "bfloat16"
    model = jax.tree.map(lambda x: x.astype(weights), filled(config))
    address = model.push_to_hub(REPO)
    assert address == f"{HUB.url}/{REPO}/commit/{HUB.repo(REPO).refs['main']}"
    assert HUB.files(REPO).keys() == FILES
    assert_same(ISA.from_pretrained(REPO, cache_dir=tmp_path), model)


def test_a_branch_a_tag_and_a_commit_are_what_they_were(model, tmp_path):
    from huggingface_hub import HfApi

    numbered(model, 1.0).push_to_hub(REPO)
    first = HUB.repo(REPO).refs["main"]
    HfApi().create_tag(REPO, tag="v1.0")
    numbered(model, 2.0).push_to_hub(REPO)
    numbered(model, 3.0).push_to_hub(REPO, revision="try/other", commit_message="Another")
    wanted = {None: 2, "main": 2, "v1.0": 1, first: 1, "try/other": 3}
    for revision, which in wanted.items():
        pulled = ISA.from_pretrained(REPO, revision=revision, cache_dir=tmp_path)
        assert number(pulled) == which, revision
    assert number(ISA.from_pretrained(f"{REPO}@v1.0", cache_dir=tmp_path)) == 1
    assert number(ISA.from_pretrained(f"{REPO}@try/other", cache_dir=tmp_path)) == 3
    assert HUB.repo(REPO).history() == ["Upload model", "Upload model", "initial commit"]
    assert HUB.repo(REPO).history("try/other")[0] == "Another"


def test_both_files_are_of_one_commit(model, tmp_path, monkeypatch):
    """A push between the two downloads must not mix two models."""
    numbered(model, 1.0).push_to_hub(REPO)
    fetch = hub.config_file.read

    def read(path, kind):
        numbered(model, 2.0).push_to_hub(REPO)
        return fetch(path, kind)

    monkeypatch.setattr(hub.config_file, "read", read)
    assert number(ISA.from_pretrained(REPO, cache_dir=tmp_path)) == 1


def test_a_newer_commit_is_noticed_and_what_is_there_is_not_fetched_again(model, tmp_path):
    numbered(model, 1.0).push_to_hub(REPO)
    ISA.from_pretrained(REPO, cache_dir=tmp_path)
    HUB.requests.clear()
    ISA.from_pretrained(REPO, cache_dir=tmp_path)
    assert HUB.requests and not any(request.startswith("GET") for request in HUB.requests)
    numbered(model, 2.0).push_to_hub(REPO)
    assert number(ISA.from_pretrained(REPO, cache_dir=tmp_path)) == 2
    HUB.requests.clear()
    ISA.from_pretrained(REPO, cache_dir=tmp_path, force_download=True)
    assert sum(request.startswith("GET") for request in HUB.requests) == 2


def test_a_proposal_leaves_the_branch(model, tmp_path):
    numbered(model, 1.0).push_to_hub(REPO)
    address = numbered(model, 2.0).push_to_hub(REPO, create_pr=True, token=STRANGER)
    assert address == f"{HUB.url}/{REPO}/discussions/1"
    assert number(ISA.from_pretrained(REPO, cache_dir=tmp_path)) == 1
    assert number(ISA.from_pretrained(REPO, revision="refs/pr/1", cache_dir=tmp_path)) == 2


def test_a_card_on_the_hub_stays_but_for_that_of_a_run(model, tmp_path, capsys):
    HUB.put(REPO, {"README.md": b"---\nlicense: mit\n---\nwritten by hand"})
    model.push_to_hub(REPO)
    assert HUB.files(REPO)["README.md"].endswith(b"written by hand")

    run = tmp_path / "run"
    model.save_pretrained(run)
    for private in ("checkpoints/step-1/state.json", "notes.txt", ".secret.png"):
        (run / private).parent.mkdir(parents=True, exist_ok=True)
        (run / private).write_text("mine")
    (run / "samples.png").write_bytes(b"picture")
    with (run / "README.md").open("a") as card:
        card.write('\nBetter than `ISA.from_pretrained("other/isa")`.\n')
    push(run, REPO)
    assert HUB.files(REPO).keys() == FILES | {"samples.png"}
    card = HUB.files(REPO)["README.md"].decode()
    assert f'\nmodel = ISA.from_pretrained("{REPO}")\n' in card
    assert 'Better than `ISA.from_pretrained("other/isa")`.' in card
    assert str(run) in (run / "README.md").read_text() and str(run) not in card
    assert_same(ISA.from_pretrained(REPO, cache_dir=tmp_path / "cache"), model)

    push(run, REPO, revision="dev")
    assert f'ISA.from_pretrained("{REPO}@dev")' in HUB.files(REPO, "dev")["README.md"].decode()
    assert capsys.readouterr().out.endswith(f'To load it: from_pretrained("{REPO}@dev")\n')


@pytest.mark.parametrize("content", [b"---\na: [\n---\n", b"---\na: \xe9\n---\n"])
def test_a_card_that_is_none_is_said(model, tmp_path, content):
    (tmp_path / "README.md").write_bytes(content)
    model.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_bytes() == content
    with pytest.raises(SystemExit, match="error: .*README.md") as stopped:
        push(tmp_path, REPO)
    assert "\n" not in str(stopped.value)
    assert HUB.repo(REPO).history() == ["initial commit"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_lines_on_any_card_take_a_picture_apart(model, tmp_path, monkeypatch, dtype):
    monkeypatch.chdir(tmp_path)
    folder = 'na"me\\ \u00fc \U0001f600'
    jax.tree.map(lambda x: x.astype(dtype), model).save_pretrained(folder)
    assert "license" not in (Path(folder) / "README.md").read_text()
    assert run_lines(Path(folder) / "README.md").segmentation.shape == model.config.image_size


def test_a_save_that_is_cut_short_does_not_mix_two_models(model, tmp_path, monkeypatch):
    """Weights of another variant have the same shapes."""
    model.save_pretrained(tmp_path)
    other = filled(ISAConfig(**SMALL | dict(variant="isa-ts")))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(hub.config_file, "write", mock.Mock(side_effect=KeyboardInterrupt))
        other.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="config.json and model.safetensors are of two models"):
        ISA.from_pretrained(tmp_path)
    other.save_pretrained(tmp_path)
    assert_same(ISA.from_pretrained(tmp_path), other)


def test_a_folder_of_two_models_is_not_pushed(model, tmp_path):
    model.save_pretrained(tmp_path)
    other = filled(ISAConfig(**SMALL | dict(variant="isa-ts")))
    other.save_pretrained(tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").rename(tmp_path / "model.safetensors")
    with pytest.raises(SystemExit, match="are of two models"):
        push(tmp_path, REPO)
    assert HUB.repos == {}


def test_the_command_pushes_as_it_is_told(model, tmp_path):
    model.save_pretrained(tmp_path)
    options = ["--private", "--revision", "dev", "--message", "Mine"]
    command = [sys.executable, "-m", "hub.push", str(tmp_path), REPO, *options]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert HUB.repo(REPO).private and HUB.repo(REPO).history("dev")[0] == "Mine"
    assert HUB.files(REPO) == {}


def test_the_hub_of_these_tests_serves_whole_repos(tmp_path):
    from huggingface_hub import HfApi

    api = HfApi()
    assert api.whoami()["name"] == "user"
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "0.parquet").write_bytes(b"rows")
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    for kind in ("model", "dataset"):
        api.create_repo(REPO, repo_type=kind)
        with warnings.catch_warnings(action="ignore"):  # rows in a model's repo
            api.upload_folder(repo_id=REPO, folder_path=tmp_path, repo_type=kind)
        api.delete_file("README.md", REPO, repo_type=kind)
        cache = tmp_path.with_name(f"cache of {kind}")
        folder = Path(api.snapshot_download(REPO, repo_type=kind, cache_dir=cache))
        assert (folder / "rows" / "0.parquet").read_bytes() == b"rows"
        assert not (folder / "README.md").exists()


def test_a_config_may_be_edited(model, tmp_path):
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"float32"', '"bfloat16"'))
    assert ISA.from_pretrained(tmp_path).config.dtype == "bfloat16"


def test_what_is_public_is_not_pushed_to_as_private(model):
    HUB.put(REPO, {})
    with pytest.raises(ValueError, match="user/isa is there and public"):
        model.push_to_hub(REPO, private=True)
    assert HUB.files(REPO) == {}


def test_a_new_repo_may_be_private(model, tmp_path):
    model.push_to_hub(REPO, private=True)
    assert HUB.repo(REPO).private
    assert_same(ISA.from_pretrained(REPO, token=READER, cache_dir=tmp_path), model)


def test_a_folder_of_that_name_wins_without_the_network(model, tmp_path, monkeypatch):
    model.push_to_hub(REPO)
    HUB.requests.clear()
    monkeypatch.chdir(tmp_path)
    numbered(model, 7.0).save_pretrained(REPO)
    assert number(ISA.from_pretrained(REPO)) == 7
    assert number(ISA.from_pretrained(tmp_path / REPO)) == 7
    with pytest.raises(ValueError, match="'user/isa' is a folder here, which has no revisions"):
        ISA.from_pretrained(f"{REPO}@main")
    assert HUB.requests == []


def test_weights_are_cast_as_asked(model, tmp_path):
    model.save_pretrained(tmp_path)
    half = ISA.from_pretrained(tmp_path, dtype=jnp.bfloat16)
    assert {leaf.dtype for leaf in jax.tree.leaves(half)} == {jnp.dtype("bfloat16")}
    np.testing.assert_array_equal(half.initial_slots, model.initial_slots.astype(jnp.bfloat16))
    half.save_pretrained(tmp_path)
    assert ISA.from_pretrained(tmp_path, dtype="float32").initial_slots.dtype == jnp.float32
    for wrong, message in (("int8", "got int8"), ("float", "needs jax"), ("bf16", "got 'bf16'")):
        with pytest.raises(ValueError, match=f"dtype .*{message}"):
            ISA.from_pretrained(tmp_path, dtype=wrong)


def test_weights_go_straight_where_they_are_wanted(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    hub.save_tree({"rows": jnp.arange(8.0).reshape(4, 2)}, tmp_path / "rows.safetensors")
    program = f"""
import jax, numpy as np, hub
from pathlib import Path
from jax.sharding import NamedSharding, PartitionSpec, AxisType
from isa_eqx import ISA
jax.config.update("jax_num_cpu_devices", 4)
mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
copies, split = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("data",)))
model = ISA.from_pretrained({str(tmp_path / "model")!r}, sharding=copies)
assert all(leaf.sharding == copies for leaf in jax.tree.leaves(model))
like = {{"rows": jax.ShapeDtypeStruct((4, 2), np.float32)}}
rows = hub.load_tree(like, Path({str(tmp_path / "rows.safetensors")!r}), sharding=split)["rows"]
assert [np.asarray(s.data).tolist() for s in rows.addressable_shards] == [
    [[0, 1]], [[2, 3]], [[4, 5]], [[6, 7]]
]
try:
    ISA.from_pretrained({str(tmp_path / "model")!r}, sharding=split)
except ValueError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "model.safetensors" in said.stdout


def test_a_folder_needs_no_hub_library(model, tmp_path):
    model.save_pretrained(tmp_path)
    program = (
        "import sys; sys.modules['huggingface_hub'] = None\n"
        f"from isa_eqx import ISA; print(ISA.from_pretrained({str(tmp_path)!r}).config.variant)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout == "isa-t\n", said.stderr


def test_a_config_says_what_wrote_it(model, tmp_path):
    model.save_pretrained(tmp_path)
    record = json.loads((tmp_path / "config.json").read_text())
    written = [record[k] for k in ("model_type", "format_version", "library_version")]
    assert written == ["isa", 1, hub.version()] and hub.version() != "unknown"
