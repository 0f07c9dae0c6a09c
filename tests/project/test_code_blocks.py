"""The code blocks of README and pages do what they say.

Python blocks are run, those of a page one after another in one namespace, in an empty folder that
has the repository's models and pictures, with JAX as strict as users have it. A block after the
comment `<!-- slow -->` is run where slow tests are.

Of shell blocks, every `python -m …` line is parsed by the command that it calls, which is stopped
before it does anything: so no page has a command or an option that is not there, a value of the
wrong kind, or a file of the repository that is absent. That is all that is proved of them; what
commands do has tests of its own. Extras that `pip` lines name are in pyproject.toml.
"""

import ast
import dataclasses
import functools
import importlib.util
import inspect
import itertools
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import pytest
import tyro

from training.data import DATASETS
from training.presets import PRESETS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(<!-- slow -->\n\n)?```(\w*)\n(.*?)^```$", re.M | re.S)
USED = "models", "docs"  # what blocks read of the repository
PLACEHOLDERS = {"DATASET": "clevr", "NAME": "clevr", "VARIANT": "isa-t", "SEED": "3"}
OWN = re.compile(r"(?:models|docs)/[\w./-]+")


@dataclasses.dataclass(frozen=True)
class Block:
    """A code block, and the line of its page that it begins in."""

    language: str
    text: str
    line: int
    is_slow: bool


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(found[2], found[3], text[: found.start(3)].count("\n"), found[1] is not None)
        for found in FENCE.finditer(text)
    ]


def commands(page: Path) -> list[list[str]]:
    """The words after `python -m` of a page, in shell blocks and in sentences."""
    shell = "\n".join(block.text for block in blocks(page) if block.language == "")
    found = re.findall(r"^(?:srun |.*&& )?python -m (.*)", shell.replace("\\\n", " "), re.M)
    prose = FENCE.sub("", page.read_text())
    prose = re.findall(r"`python -m ([^`]*\s[^`]*)`", prose)  # not the mere name of one
    found += [" ".join(words.split()) for words in prose]
    for placeholder, word in PLACEHOLDERS.items():
        found = [re.sub(rf"\b{placeholder}\b", word, words) for words in found]
    split = (shlex.split(words, comments=True) for words in found if "…" not in words)
    return [[one for word in words for one in braces(word)] for words in split]


def braces(word: str) -> list[str]:
    """`a-{b,c}` as a shell expands it."""
    parts = re.split(r"\{([\w,-]+)\}", word)
    choices = [part.split(",") if place % 2 else [part] for place, part in enumerate(parts)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def python_pages(slow: bool) -> list[Path]:
    kinds = {
        page: [block.is_slow for block in blocks(page) if block.language == "python"]
        for page in PAGES
    }
    return [page for page, found in kinds.items() if (any(found) if slow else not all(found))]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with what blocks read, and JAX as users have it."""
    for folder in USED:
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["python"])
    tables = [(table, dict(table)) for table in (DATASETS, PRESETS)]
    strict = jax.config.jax_numpy_dtype_promotion, jax.config.jax_numpy_rank_promotion
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    jax.config.update("jax_numpy_rank_promotion", "allow")
    yield tmp_path
    jax.config.update("jax_numpy_dtype_promotion", strict[0])
    jax.config.update("jax_numpy_rank_promotion", strict[1])
    for table, before in tables:  # pages add to them
        table.clear()
        table.update(before)


def run_blocks(page: Path, slow: bool) -> None:
    names = {"__name__": "__page__"}
    for block in blocks(page):
        if block.language == "python" and (slow or not block.is_slow):
            padded = "\n" * block.line + block.text  # so that a traceback has the page's lines
            exec(compile(padded, str(page), "exec"), names)


@pytest.mark.parametrize("page", python_pages(slow=False), ids=name)
def test_python_blocks_run(page, desk):
    """And leave the pictures that they name."""
    run_blocks(page, slow=False)
    code = "".join(block.text for block in blocks(page) if block.language == "python")
    assert all((desk / name).stat().st_size for name in re.findall(r'"(\w+\.png)"', code))


@pytest.mark.slow
@pytest.mark.parametrize("page", python_pages(slow=True), ids=name)
def test_slow_python_blocks_run(page, desk, monkeypatch):
    """With fewer scenes to validate on."""
    monkeypatch.setattr("training.data.source.HELD_OUT", 40)
    run_blocks(page, slow=True)


class Parsed(Exception):
    """A command line was parsed; what it leaves to another command."""


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are stopped when their command line has been parsed."""
    really = tyro.cli

    def cli(what, *, return_unknown_args=False, **options):
        if inspect.isfunction(what):  # which would be called
            what = functools.wraps(what)(lambda **named: None)
        found = really(what, return_unknown_args=return_unknown_args, **options)
        raise Parsed(found[1] if return_unknown_args else [])

    monkeypatch.setattr(tyro, "cli", cli)
    for acts in ("join", "use_all_cores"):  # before the rest of the line is parsed
        monkeypatch.setattr(f"training.arguments.{acts}", lambda *_: None)


def check(words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse what `python -m` is given, by what stands in the module for that."""
    program, *options = words
    if program == "pytest":
        return
    if importlib.util.find_spec(program).submodule_search_locations is not None:
        program += ".__main__"
    module = importlib.import_module(program)
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
            start = compile(ast.Module(node.body, []), module.__file__, "exec")
            break
    acting = inspect.getmodule(getattr(module, "main", module))
    if "tyro" not in inspect.getsource(acting) and not hasattr(module, "parse"):
        assert not options, f"{program} has no options"
        return
    monkeypatch.setattr(sys, "argv", [program, *options])
    try:
        exec(start, vars(module))
    except Parsed as parsed:
        if parsed.args[0]:  # a sweep leaves them to what it runs
            check(["training.run", *parsed.args[0]], monkeypatch)
    except SystemExit as ended:
        assert not ended.code, (ended.code, words)  # --help ends with 0


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name)
def test_commands_have_these_options(page, stopped, monkeypatch, capsys):
    for words in commands(page):
        check(words, monkeypatch)
        for word in words:
            assert not OWN.fullmatch(word) or (ROOT / word).exists(), word


@pytest.mark.parametrize(
    "words", ["training.run --dataset clevr --colour red", "training.sweep --variants sa "
    "--train-examples 4 --seeds 2 --dataset clevr --colour red", "hub.push runs --colour red",
    "demo.move a.png --model m --out b.gif --scale large", "training.presets --colour red"],
)  # fmt: skip
def test_a_wrong_option_would_be_noticed(words, stopped, monkeypatch, capsys):
    with pytest.raises(AssertionError):
        check(words.split(), monkeypatch)


def test_extras_are_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = "".join(page.read_text() for page in PAGES)
    named = re.findall(r"(?:isa-eqx|\.)\[([\w,]+)\]\"", texts)
    assert {"demo", "docs", "test", "original"} <= {
        one for some in named for one in some.split(",")
    }
    for extra in itertools.chain.from_iterable(some.split(",") for some in named):
        assert extra in project["optional-dependencies"], extra
