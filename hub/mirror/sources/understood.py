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
    - `labels`: where label maps come from, and of how many images; the number may be unknown.
    - `column`: that of the images, if they are in tables.
    - `notes`: what was taken in one of several senses that it may have.
    - `unused`: for each reason, what is not used for it. A reason follows a number: `files`.
    """

    splits: Mapping[str, int | None]
    held_out: str = ""
    labels: Mapping[str, int | None] = dataclasses.field(default_factory=dict)
    column: str = ""
    notes: Sequence[str] = ()
    unused: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        """Return all of it in one line."""
        parts = [
            name if self.splits[name] is None else f"{self.splits[name]:,} {name}"
            for name in SPLITS
            if name in self.splits
        ]
        if self.held_out:
            place = next(n for n, name in enumerate(parts) if name.endswith("validation"))
            parts[place] += f" ({self.held_out})"
        said = [f"Images: {', '.join(parts)}{self._from_column()}", self._label_maps(), *self.notes]
        left = [f"{len(of):,} {why}{_example(of)}" for why, of in self.unused.items() if of]
        if left:
            said.append(f"not used: {', '.join(left)}")
        return printable(f"{'; '.join(said)}.")

    def _from_column(self) -> str:
        return f", from column {self.column}" if self.column else ""

    def _label_maps(self) -> str:
        if not self.labels:
            return "no label maps"
        parts = [
            place if count is None else f"{count:,} from {place}"
            for place, count in self.labels.items()
        ]
        known = None not in self.labels.values()
        return f"label maps: {', '.join(parts)}" if known else f"label maps from {parts[0]}"


def _example(names: Sequence[str]) -> str:
    if not names or not names[0]:
        return ""
    return f" ({names[0]})" if len(names) == 1 else f" (such as {names[0]})"
