"""A stream of a mirror: every row once an epoch, and the same ones after a stop at any place."""

import itertools

import pytest

from hub.mirror import FolderTarget, mirror
from training.data import Place
from training.data.mirrored import Mirror, open_mirror
from training.data.shuffling import host_rows
from training.data.stream import read_rows, stream_rows

from ..releases import multi_object

COUNT, SKIPPED = 117, 100  # the first hundred are the validation split


@pytest.fixture(scope="module", params=[1, 4])
def found(request, tmp_path_factory):
    """A mirror in one shard, or in several."""
    import hub.mirror.convert

    folder = tmp_path_factory.mktemp("mirror")
    source, _, _ = multi_object("tetrominoes", folder / "source", count=COUNT)
    megabyte, hub.mirror.convert.MEGABYTE = (
        hub.mirror.convert.MEGABYTE,
        1_000_000 if request.param == 1 else 3_000,
    )
    try:
        mirror("tetrominoes", [source], FolderTarget(folder / "mirror"), shard_mb=1)
    finally:
        hub.mirror.convert.MEGABYTE = megabyte
    made = open_mirror(str(folder / "mirror"), "tetrominoes")
    assert (len(made.files["train"]) > 1) == (request.param > 1)
    return made


def taken(mirror, count, place=Place(1), max_rows=None):  # noqa: B008
    stream = stream_rows(mirror, "train", max_rows, place)
    return [row["index"] for row in itertools.islice(stream, count)]


def test_every_epoch_has_every_row_once_in_another_order(found):
    count = COUNT - SKIPPED
    indices = taken(found, 3 * count)
    epochs = [indices[n * count : (n + 1) * count] for n in range(3)]
    assert all(sorted(epoch) == list(range(SKIPPED, COUNT)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert indices != taken(found, 3 * count, Place(1, seed=1))


def test_a_stream_goes_on_from_any_place_across_epochs(found):
    whole = taken(found, 40)
    for step in range(36):
        assert taken(found, 4, Place(1, step)) == whole[step : step + 4]
    for step in range(1, 9):
        assert taken(found, 8, Place(4, step)) == whole[4 * step : 4 * step + 8]


def test_hosts_get_disjoint_parts_that_are_the_whole(found):
    count = COUNT - SKIPPED
    for hosts in (2, 3):
        sizes = [len(host_rows(count, host, hosts)) for host in range(hosts)]
        for epoch in range(2):
            parts = [
                taken(found, 2 * size, Place(hosts, host=host, hosts=hosts))[epoch * size :][:size]
                for host, size in enumerate(sizes)
            ]
            assert sorted(itertools.chain(*parts)) == list(range(SKIPPED, COUNT))
        part = taken(found, 12, Place(2 * hosts, host=1, hosts=hosts))
        assert taken(found, 6, Place(2 * hosts, 3, host=1, hosts=hosts)) == part[6:]


def test_the_training_set_is_the_first_rows(found):
    indices = taken(found, 12, max_rows=6)
    assert sorted(indices[:6]) == sorted(indices[6:]) == list(range(SKIPPED, SKIPPED + 6))


def test_what_is_no_mirror_of_it_is_said(found, tmp_path):
    with pytest.raises(ValueError, match="is a mirror of tetrominoes, not of clevr"):
        open_mirror(found.name, "clevr")
    with pytest.raises(ValueError, match="holds no mirror: no mirror.json there"):
        open_mirror(str(tmp_path), "clevr")
    with pytest.raises(ValueError, match="has no row of split 'test'; it has validation, train"):
        read_rows(found, "test")


def test_of_a_subset_it_is_said_where_it_is_to_be_had():
    """The releases have none of these."""
    release = Mirror("m", "clevr", {"train": {"a": 1}, "validation": {"b": 1}}, {}, True, False)
    with pytest.raises(ValueError) as raised:
        release.count("clevr6_train")
    assert str(raised.value) == (
        "m has no row of split 'clevr6_train'; it has train, validation. clevr6 is drawn: leave "
        "out --data, or python -m hub.mirror clevr --source procedural --split clevr6_train "
        "clevr6_validation --to FOLDER."
    )
    for split in ("test", "clevr7_train", "clevr6_poses"):
        with pytest.raises(ValueError, match="it has train, validation.$"):
            release.count(split)
