"""What is begun in a thread: its result, or its error, for each that waits."""

import threading

import pytest

from hub.common.prefetch import begin


def test_what_has_begun_is_waited_for_and_its_error_is_raised_then():
    may_end = threading.Event()
    wait = begin(lambda: may_end.wait() and "a result")
    fail = begin(lambda: [][0])
    may_end.set()
    assert wait() == wait() == "a result"
    for _ in range(2):
        with pytest.raises(IndexError):
            fail()
