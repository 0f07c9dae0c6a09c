"""The page of laws names tests that are there."""

import importlib
import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "laws.md"


def test_every_law_on_the_page_is_a_test():
    page = PAGE.read_text()
    files = re.findall(r"\]\(\.\./tests/(\w+)\.py\)", page)
    modules = [importlib.import_module(f"tests.{name}") for name in files]
    laws = re.findall(r"`(an?_\w+|\w+_\w+_\w+_\w+)`", page)
    assert len(laws) > 15
    for law in laws:
        assert any(hasattr(module, f"test_{law}") for module in modules), law
