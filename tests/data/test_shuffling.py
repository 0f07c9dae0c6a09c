"""The order of a training set: every row once an epoch, to one host, out of a bounded buffer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data import shuffling
from training.data.shuffling import epoch_order

pytestmark = pytest.mark.quick

COUNTS = st.lists(st.integers(1, 1500), min_size=1, max_size=5)
NUMBERS = st.integers(0, 2**32)


@given(COUNTS, NUMBERS, NUMBERS, st.integers(1, 4))
def test_every_row_goes_to_one_host_once(counts, seed, epoch, hosts):
    found = [epoch_order(counts, seed, epoch, host, hosts) for host in range(hosts)]
    assert sorted(found[0][0]) == list(range(len(counts)))
    assert all(np.array_equal(files, found[0][0]) for files, _ in found)
    assert np.array_equal(np.sort(np.concatenate([o for _, o in found])), np.arange(sum(counts)))
    sizes = [len(o) for _, o in found]
    assert max(sizes) - min(sizes) <= 1


@given(COUNTS, NUMBERS, st.integers(1, 3))
def test_no_more_rows_are_held_than_the_buffer_takes(counts, seed, hosts):
    _, found = epoch_order(counts, seed, 0, hosts - 1, hosts)
    if len(found):
        read = np.maximum.accumulate(found) - min(found) + 1
        assert max(read - np.arange(len(found))) <= shuffling.BUFFER


@given(st.lists(st.integers(20, 200), min_size=25, max_size=25), NUMBERS)
def test_epochs_and_seeds_have_orders_of_their_own(counts, seed):
    found = [epoch_order(counts, *numbers) for numbers in ((seed, 0), (seed, 1), (seed + 1, 0))]
    found += [([*range(len(counts))], np.arange(sum(counts)))]
    assert len({tuple(files) for files, _ in found}) == 4
    assert len({order.tobytes() for _, order in found}) == 4
    assert epoch_order(counts, seed, 0)[1].tobytes() == found[0][1].tobytes()


def test_neighbours_come_apart():
    """By hundreds of rows, as those of a scene or a drive do that a file has side by side."""
    _, found = epoch_order([10_000], 0, 0)
    assert np.median(np.abs(np.diff(np.argsort(found)))) > shuffling.BUFFER / 8
