"""A law: a sentence that hypothesis tries to break, on the real thing and on broken ones."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from hypothesis import Phase, given, settings

HUNT = settings(
    phases=[Phase.generate], database=None, report_multiple_bugs=False, print_blob=False
)


def law(**drawn: st.SearchStrategy) -> Callable[[Callable], Any]:
    """`hypothesis.given`, and as `.hunted` the same without shrinking: for what must fail."""

    def decorate(function: Callable) -> Any:
        stated = given(**drawn)(function)
        stated.hunted = HUNT(given(**drawn)(function))
        return stated

    return decorate
