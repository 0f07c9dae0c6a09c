"""What is published: its version, its types, and the versions of others that it asks for."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import hub
import isa_eqx

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
REQUIRED = [
    requirement
    for words in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for requirement in map(Requirement, words)
    if requirement.name != PROJECT["name"]
]
AGAIN = "make the lock again, by the command at its head"


def locked(name: str) -> dict[str, list[Version]]:
    """The versions of every package in a lock: one, or several for several Pythons."""
    found: dict[str, list[Version]] = {}
    for line in (ROOT / ".ci" / name).read_text().splitlines():
        if not line.startswith("#"):
            package, version = line.partition(" ;")[0].split("==")
            found.setdefault(package, []).append(Version(version))
    return found


def wanted(requirement: Requirement) -> str:
    """The name of a required package as locks write it."""
    return requirement.name.lower().replace("_", "-")


def test_the_lock_has_what_is_required():
    versions = locked("lock.txt")
    for one in REQUIRED:
        found = versions.get(wanted(one), [])
        assert found and all(map(one.specifier.contains, found)), f"{one}: {AGAIN}"


def test_the_bounds_are_the_lowest_versions_that_can_be_installed():
    """What others need may be above a bound, which then promises what nobody has tried."""
    versions = locked("lowest.txt")
    for one in REQUIRED:
        (bound,) = [part for part in one.specifier if part.operator == ">="]
        assert versions.get(wanted(one)) == [Version(bound.version)], f"{one}: raise it, or {AGAIN}"


def test_locks_name_versions_alone():
    """They hold on every machine: no registry and no path is in them."""
    for name in ("lock.txt", "lowest.txt"):
        _, command, *lines = (ROOT / ".ci" / name).read_text().splitlines()
        assert command.startswith("#    uv pip compile pyproject.toml --all-extras ")
        assert command.endswith(f" -o .ci/{name}")
        assert not [line for line in lines if "==" not in line or "/" in line or "@" in line]


def test_the_version_is_the_same_everywhere():
    found = {isa_eqx.__version__, hub.version(), metadata.version(hub.LIBRARY)}
    assert found == {PROJECT["version"]}, "install again: pip install -e ."


def test_every_package_has_types_for_its_users():
    packages = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert len(packages) == 4 and all((ROOT / name / "py.typed").exists() for name in packages)
