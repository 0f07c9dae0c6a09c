"""Pages and docstrings name what is there: laws that are tests, rooms, and files."""

import importlib
import re
import subprocess
from pathlib import Path

import pytest

from .test_import import MODULES, ROOMS

pytestmark = pytest.mark.quick

DOCS = Path(__file__).parents[2] / "docs"


def test_every_law_on_the_page_is_a_test():
    page = (DOCS / "laws.md").read_text()
    files = re.findall(r"`tests/([\w/]+)\.py`", page)
    modules = [importlib.import_module(f"tests.{name}".replace("/", ".")) for name in files]
    laws = re.findall(r"`(an?_\w+|\w+_\w+_\w+_\w+)`", page)
    assert len(laws) > 15
    for law in laws:
        assert any(hasattr(module, f"test_{law}") for module in modules), law


def test_the_table_of_rooms_is_that_of_the_imports():
    rows = re.findall(r"^\| `([\w.]+)` \| .* \| (.*) \|$", _layout()[0], re.M)
    assert {room: set(re.findall(r"`([\w.]+)`", base)) for room, base in rows} == {
        room: set(bases) for room, bases in ROOMS.items()
    }


def test_the_tree_has_every_module():
    """But for the doors and the commands of packages, and the benchmarks."""
    listed, folders = set(), []
    for indent, name, kind in re.findall(r"^( *)(\w+)(/|\.py)", _layout()[1], re.M):
        folders = [*folders[: len(indent) // 2], name]
        listed |= {".".join(folders)} if kind == ".py" else set()
    assert listed == {
        name for name in MODULES if "__" not in name and not name.startswith("benchmarks")
    }


def named_files(text: str) -> set[str]:
    """The paths in a text that begin with a folder of the repository, such as `tests/laws.py`."""
    folders = "hub|isa_eqx|training|demo|benchmarks|tests|docs|models"
    return set(re.findall(rf"(?<![\w/.-])(?:{folders})/[\w./-]*\w\.(?:py|md|png|gif)\b", text))


def test_files_that_are_named_are_there():
    """In pages, docstrings and comments, of what is committed."""
    root, listed = DOCS.parent, ("git", "ls-files", "*.py", "*.md", "*.yml", "*.toml")
    pages = subprocess.run(listed, cwd=root, capture_output=True, text=True).stdout.split()
    named = {(page, file) for page in pages for file in named_files((root / page).read_text())}
    gone = {(page, file) for page, file in named if not (root / file).exists()}
    assert not {
        one for one in gone if "multi_dsprites" not in one[1]
    }  # a dataset still to be added
    assert len(named) > 100 or not pages  # an archive is no repository


def _layout() -> tuple[str, str]:
    """The table and the tree at the beginning of the page on the layout."""
    table, tree, *_ = (DOCS / "architecture.md").read_text().split("```")
    return table, tree
