"""A Space that is written here is one that the Hub would build, and its app runs by itself."""

import sys
from pathlib import Path

import pytest

from demo.space import main as space
from isa_eqx import ISA

from ..conftest import HUB, assert_same
from ..loopback import OWNER, STRANGER
from ..served import MODEL, read, served

pytestmark = pytest.mark.quick

MODELS = {"config.json", "model.safetensors", "README.md", "train.json"}
REPO = "user/app"


@pytest.fixture(autouse=True)
def hub_and_token(monkeypatch):
    HUB.clear()
    monkeypatch.setenv("HF_TOKEN", OWNER)


def front_matter(folder):
    from huggingface_hub import RepoCard, SpaceCardData

    card = RepoCard.load(folder / "README.md", repo_type="space")
    return SpaceCardData(**card.data.to_dict())


def test_a_folder_holds_all_that_a_space_needs(tmp_path, capsys):
    folder = tmp_path / "app"
    space(["--model", str(MODEL), "--to", str(folder)])
    assert str(folder) in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "app.py", "model", "requirements.txt"
    }  # fmt: skip
    assert {path.name for path in (folder / "model").iterdir()} >= MODELS
    data = front_matter(folder)
    assert (data.sdk, data.app_file, data.license) == ("gradio", "app.py", "apache-2.0")
    assert "tetrominoes" in data.title and len(data.short_description) <= 60 and not data.models
    compile((folder / "app.py").read_text(), "app.py", "exec")
    assert (folder / "requirements.txt").read_text() == "isa-eqx[demo]\njax\n"
    assert_same(ISA.from_pretrained(folder / "model"), ISA.from_pretrained(MODEL))
    assert 'ISA.from_pretrained("model")' in (folder / "model/README.md").read_text()
    for file in ("README.md", "app.py", "requirements.txt"):
        assert str(MODEL.parent) not in (folder / file).read_text()


def test_what_is_there_stays(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for to in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(SystemExit, match="error: .* is not empty; name a new folder"):
            space(["--model", str(MODEL), "--to", str(to)])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_bad_input_is_said_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words, said in (
        (["--model", "nowhere"], "nowhere"),
        (["--model", str(MODEL), "--private"], "--private is for a repo"),
    ):
        with pytest.raises(SystemExit, match=f"error: .*{said}"):
            space([*words, "--to", "new"])
    assert not list(tmp_path.iterdir())


def test_a_space_is_pushed_in_one_commit(capsys):
    space(["--model", str(MODEL), "--to", REPO])
    pushed = HUB.repo(REPO, "space")
    assert pushed.history() == ["Upload app", "initial commit"]
    files = HUB.files(REPO, kind="space")
    assert {"README.md", "app.py", "requirements.txt", "model/config.json"} <= set(files)
    assert files["model/model.safetensors"] == (MODEL / "model.safetensors").read_bytes()
    assert REPO in capsys.readouterr().out


def test_a_model_of_the_hub_is_named_and_not_copied(tmp_path):
    names = "config.json", "model.safetensors", "train.json"
    HUB.put("user/isa", {name: (MODEL / name).read_bytes() for name in names})
    space(["--model", "user/isa", "--to", str(tmp_path / "app")])
    assert front_matter(tmp_path / "app").models == ["user/isa"]
    assert not (tmp_path / "app/model").exists()
    assert '["--model", "user/isa"]' in (tmp_path / "app/app.py").read_text()


def test_who_may_not_write_pushes_nothing(monkeypatch):
    space(["--model", str(MODEL), "--to", REPO])
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    with pytest.raises(SystemExit, match="error: "):
        space(["--model", str(MODEL), "--to", REPO])
    assert len(HUB.repo(REPO, "space").history()) == 2


@pytest.mark.slow
def test_the_app_of_a_folder_runs_there(tmp_path):
    pytest.importorskip("gradio")
    space(["--model", str(MODEL), "--to", str(tmp_path / "app")])
    # As on the Hub, but for the library, which is that of this checkout.
    library = str(Path(__file__).parents[2])
    with served([sys.executable, "app.py"], tmp_path / "app", PYTHONPATH=library) as url:
        page = read(url)
    assert "Slots and their frames" in page
