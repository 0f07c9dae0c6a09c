"""The documentation: every public name is on a page, and the pages are a site."""

import ast
import html.parser
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest
import yaml

from .test_import import MODULES, room

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# What people import from: packages whose `__init__` has names of others, and these modules.
DOORS = (
    "hub", "hub.mirror", "hub.mirror.sources", "isa_eqx", "isa_eqx.original", "isa_eqx.backbones",
    "training.data", "training.presets", "training.objective", "training.distributed",
    "training.evaluation", "training.runs", "demo.app",
)  # fmt: skip
MODULES_OF_THEIR_OWN = "isa_eqx.metrics", "hub.remote"
COMMANDS = [name for name, path in MODULES.items() if '__name__ == "__main__"' in path.read_text()]
LINKS = {"a": "href", "link": "href", "script": "src", "img": "src", "source": "src"}


def exported(package: str) -> dict[str, Any]:
    """The names that a package's `__init__` has for others, and those that it defines."""
    names = set()
    for node in ast.walk(ast.parse(MODULES[f"{package}.__init__"].read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            names |= {alias.asname for alias in node.names if alias.asname}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return _values(package, names)


def defined(module: str) -> dict[str, Any]:
    """The functions, classes and constants of a module."""
    names = set()
    for node in ast.parse(MODULES[module].read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return _values(module, names)


def _values(module: str, names: set[str]) -> dict[str, Any]:
    found = {name: getattr(importlib.import_module(module), name) for name in names}
    return {name: value for name, value in found.items() if not name.startswith("_")}


def documented() -> dict[str, list[Any]]:
    """What pages of the reference describe, by its last name."""
    found: dict[str, list[Any]] = {}
    for page in (DOCS / "api").glob("*.md"):
        for path in re.findall(r"^::: (\S+)", page.read_text(), re.M):
            found.setdefault(path.rpartition(".")[2], []).append(pkgutil.resolve_name(path))
    return found


def test_doors_are_all_packages_with_names_for_others():
    packages = [name.removesuffix(".__init__") for name in MODULES if name.endswith(".__init__")]
    assert set(DOORS) == {package for package in packages if exported(package)}


@pytest.mark.parametrize("module", [*DOORS, *MODULES_OF_THEIR_OWN])
def test_every_public_name_is_on_a_page_of_the_reference(module):
    names = exported(module) if module in DOORS else defined(module)
    pages, modules = documented(), type(sys)
    missing = {
        name
        for name, value in names.items()
        if not isinstance(value, modules) and all(value is not one for one in pages.get(name, ()))
    }
    assert names and not missing
    submodules = {name for name, value in names.items() if isinstance(value, modules)}
    assert {f"{module}.{name}" for name in submodules} <= {*DOORS, *MODULES_OF_THEIR_OWN}


def test_every_command_is_on_its_page():
    page = (DOCS / "api" / "commands.md").read_text()
    ours = [name.removesuffix(".__main__") for name in COMMANDS if room(name) != "benchmarks"]
    assert sorted(re.findall(r"^## (.*)", page, re.M)) == sorted(ours)


def test_every_page_is_in_the_navigation():
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    listed = re.findall(r"[\w/-]+\.md", str(navigation))
    assert sorted(listed) == sorted(str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md"))


def test_the_links_of_the_readme_are_files():
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text())
    ours = [link for link in links if not link.startswith("https://")]
    assert len(ours) > 10 and all((ROOT / link).is_file() for link in ours)


class Page(html.parser.HTMLParser):
    """The anchors of a page of the site, what it links to and loads, and its prose."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links, self.loads, self.prose = {""}, [], [], []
        self._within: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := found.get(name))}
        if tag in LINKS and (target := found.get(LINKS[tag])):
            (self.links if tag == "a" else self.loads).append(target)
        if tag in ("code", "pre", "script", "style"):
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._within and tag == self._within[-1]:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if not self._within:
            self.prose.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as strictly as zensical can."""
    pytest.importorskip("zensical", reason='the site needs pip install -e ".[docs]"')
    place = tmp_path_factory.mktemp("site")
    for name in ("docs", "benchmarks"):
        shutil.copytree(ROOT / name, place / name)
    shutil.copy(ROOT / "mkdocs.yml", place)
    for name in ("hub", "isa_eqx", "training", "demo"):
        (place / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    said = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert said.returncode == 0 and "No issues found" in said.stderr, said.stdout + said.stderr
    assert len(list((place / "site").rglob("*.html"))) > 20
    return place / "site"


@pytest.mark.slow
def test_links_and_anchors_of_the_site_lead_somewhere(site):
    pages = {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        for link in (*page.links, *page.loads):
            if re.match(r"(https?|mailto|data):", link):
                continue
            file, anchor = urldefrag(link)
            target = (path.parent / unquote(file)).resolve() if file else path
            assert target.is_file(), (path.name, link)
            if target in pages:
                assert unquote(anchor) in pages[target].anchors, (path.name, link)


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assert not [link for link in Page(path).loads if re.match(r"(https?:)?//", link)], path
    for path in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", path.read_text()), path


@pytest.mark.slow
def test_no_markup_is_left_over(site):
    """Such as a reference that is not resolved, or a directive that is not one."""
    for path in site.rglob("*.html"):
        left = re.findall(r".*(?:\]\[|\]\(|:::|--8<--|\*\*).*", "".join(Page(path).prose))
        assert not left, (path.name, left)


@pytest.mark.slow
def test_every_public_name_has_an_anchor(site):
    anchors = {one for path in (site / "api").glob("*.html") for one in Page(path).anchors}
    for page in (DOCS / "api").glob("*.md"):
        shown = re.findall(r"^::: (\S+)", page.read_text(), re.M)
        assert page.name == "commands.md" or set(shown) <= anchors
