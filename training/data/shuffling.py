"""In which order the rows of a training set come: arithmetic, before any of them is read."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

BUFFER = 1024  # rows that are held at most


def epoch_order(
    counts: Sequence[int], seed: int, epoch: int, host: int = 0, hosts: int = 1
) -> tuple[list[int], Int[np.ndarray, " n"]]:
    """The order in which an epoch reads files of so many rows, and the order in which the rows that
    a host gets of them are handed out, numbered as they are read.

    - `counts`: rows of each file.

    Every host has the same number of rows, or one more, which are neighbours, so that it reads few
    files of another's. Nothing but the arguments counts, on any machine.
    """
    files = np.random.default_rng((seed, epoch)).permutation(len(counts)).tolist()
    count = sum(counts)
    part = range(host * count // hosts, (host + 1) * count // hosts)
    return files, _buffered(part, np.random.default_rng((seed, epoch, 1 + host)))


def _buffered(places: range, random: np.random.Generator) -> Int[np.ndarray, " n"]:
    """As out of a shuffle buffer: whenever it is full, half of it leaves, in random order."""
    held, handed = np.arange(0), []
    for start in range(places.start, places.stop, BUFFER // 2):
        new = np.arange(start, min(start + BUFFER // 2, places.stop))
        held = random.permutation(np.concatenate([held, new]))
        leaving = max(len(held) - BUFFER // 2, 0)
        handed.append(held[:leaving])
        held = held[leaving:]
    return np.concatenate([*handed, held])
