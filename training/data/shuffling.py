"""The order of a training set's rows, computed before any of them is read."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

BUFFER = 1024  # rows that are held at most


def epoch_order(
    counts: Sequence[int], seed: int, epoch: int, host: int = 0, hosts: int = 1
) -> tuple[list[int], Int[np.ndarray, " n"]]:
    """Return the order in which an epoch reads its files, and the order of this host's rows.

    - `counts`: number of rows in each file.

    Rows are numbered in the order in which they are read. Each host gets consecutive ones, so that
    few files are read by two hosts, and as many as the others, or one more. The result depends
    only on the arguments, on any machine.
    """
    files = np.random.default_rng((seed, epoch)).permutation(len(counts)).tolist()
    part = host_rows(sum(counts), host, hosts)
    return files, _buffered(part, np.random.default_rng((seed, epoch, 1 + host)))


def host_rows(count: int, host: int, hosts: int) -> range:
    """Return the rows of a host, of `count` in all."""
    return range(host * count // hosts, (host + 1) * count // hosts)


def _buffered(places: range, random: np.random.Generator) -> Int[np.ndarray, " n"]:
    """Return the order of a shuffle buffer: when it is full, a random half of it leaves."""
    held, handed = np.arange(0), []
    for start in range(places.start, places.stop, BUFFER // 2):
        new = np.arange(start, min(start + BUFFER // 2, places.stop))
        held = random.permutation(np.concatenate([held, new]))
        leaving = max(len(held) - BUFFER // 2, 0)
        handed.append(held[:leaving])
        held = held[leaving:]
    return np.concatenate([*handed, held])
