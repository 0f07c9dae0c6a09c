"""What was understood of a person's files or tables, as a line to be read before they are used."""

import dataclasses
from collections.abc import Mapping, Sequence

from ...common.terminal import printable
from .names import SPLITS


@dataclasses.dataclass(frozen=True)
class Understood:
    """What will be converted, and what was found and will not be.

    - `splits`: how many images each split has; `None` if that is not known before.
    - `held_out`: how the images to validate on were chosen; `""` if their owner did.
    - `labels`: where label maps come from, and how many; the number may be unknown.
    - `column`: that of the images, if they are in tables.
    - `notes`: what was taken in one of several senses that it may have.
    - `unused`: for each reason, the names of what is not used, `""` where they say nothing. A
      reason follows a number, such as `file{s}`.
    """

    splits: Mapping[str, int | None]
    held_out: str = ""
    labels: Mapping[str, int | None] = dataclasses.field(default_factory=dict)
    column: str = ""
    notes: Sequence[str] = ()
    unused: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        """Return all of it in one line."""
        counts = [count for count in self.splits.values() if count is not None]
        total = f"{sum(counts):,} " if len(counts) == len(self.splits) else ""
        parts = [self._split(name) for name in SPLITS if name in self.splits]
        column = f" in column {self.column}" if self.column else ""
        said = [f"Found {total}images{column}: {', '.join(parts)}", self._label_maps()]
        left = [_left(why, things) for why, things in self.unused.items() if things]
        said += [*self.notes, *([f"not used: {', '.join(left)}"] if left else [])]
        return printable(f"{'; '.join(said)}.")

    def _split(self, name: str) -> str:
        count = self.splits[name]
        how = f" ({self.held_out})" if name == "validation" and self.held_out else ""
        return f"{'' if count is None else f'{count:,} '}{name}{how}"

    def _label_maps(self) -> str:
        if not self.labels:
            return "no label maps"
        parts = [
            place if count is None else f"{count:,} {place}" for place, count in self.labels.items()
        ]
        return f"label maps: {', '.join(parts)}"


def _left(why: str, things: Sequence[str]) -> str:
    """Return how many things are not used and why, with an example if they have names."""
    said = why.replace("{s}", "s" * (len(things) != 1))
    such = "" if len(things) == 1 else "such as "
    return f"{len(things):,} {said}" + (f" ({such}{things[0]})" if things[0] else "")
