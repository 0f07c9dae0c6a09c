"""Experiment trackers: places that the metrics of a run go to beside its `metrics.jsonl`."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hub.common.errors import reason
from hub.common.terminal import say

from .trackers import TRACKERS, Tracker, library_of


def check_tracker(name: str) -> None:
    """Raise a `ValueError` if the library of a tracker is absent, or if nobody is logged in."""
    library = library_of(name)
    if name == "wandb" and os.environ.get("WANDB_MODE", "online") == "online":
        with _explained(name):
            library.login(verify=False)  # asks, if there is a terminal to ask on


def make_tracker(name: str, run: Path, recipe: Mapping[str, Any], step: int) -> Tracker:
    """Return a tracker by name, one of `TRACKERS`, for the run in a folder.

    If it fails later, that is said, and nothing is raised. Raises a `ValueError` if it cannot be
    started.

    - `recipe`: what it shows as the configuration of the run.
    - `step`: the step that the run continues after; TensorBoard hides what it has of later ones.
    """
    library, kind = library_of(name), TRACKERS[name][1]
    with _explained(name):
        return _Optional(name, kind(library, run, recipe, step))


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"--tracker {name} cannot be started ({reason(error)}); leave it out, or mend that."
        ) from error


class _Optional:
    """A tracker that a run can go on without: when it fails, that is said, and it gets no more.

    Libraries of trackers raise errors of their own, and those of processes and connections that
    they begin.
    """

    def __init__(self, name: str, tracker: Tracker):
        self._name, self._tracker = name, tracker
        self._failed = False

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._try(lambda: self._tracker.log(step, metrics))

    def finish(self) -> None:
        self._try(self._tracker.finish)

    def abandon(self) -> None:
        self._failed = True

    def _try(self, action: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            action()
        except Exception as error:
            self._failed = True
            with contextlib.suppress(Exception, SystemExit):  # it has failed already
                self._tracker.abandon()
            say(
                f"warning: the tracker {self._name} has failed ({reason(error)}). It gets no more "
                "of this run, which goes on; metrics.jsonl has everything."
            )


class _Prefixed:
    """A tracker that several runs share."""

    def __init__(self, tracker: Tracker, prefix: str):
        self._tracker, self._prefix = tracker, prefix

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._tracker.log(step, {f"{self._prefix}{name}": v for name, v in metrics.items()})

    def finish(self) -> None:
        self._tracker.finish()

    def abandon(self) -> None:
        self._tracker.abandon()


def with_prefix(tracker: Tracker, prefix: str) -> Tracker:
    """Return a tracker that puts a prefix before the names of metrics."""
    return _Prefixed(tracker, prefix)
