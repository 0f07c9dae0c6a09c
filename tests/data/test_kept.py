"""What took long to compute is kept: it is whole, it is the right one, or it is made again."""

import errno
import json
import os
import threading

import numpy as np
import pytest

from training.data.features import kept

SHAPE = 2, 3
ABOUT = dict(backbone="a", size=[4, 4])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    def cached_assets_path(library, *, namespace, subfolder):
        folder = tmp_path / library / namespace / subfolder
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    monkeypatch.setattr("huggingface_hub.cached_assets_path", cached_assets_path)
    return tmp_path


class Maker:
    """Rows of their own numbers, in parts, and from which ones on they were asked for."""

    def __init__(self, end, part=4, stop=None):
        self.end, self.part, self.stop, self.asked = end, part, stop, []

    def __call__(self, first):
        self.asked.append(first)
        for start in range(first, self.end, self.part):
            if self.stop is not None and start >= self.stop:
                raise KeyboardInterrupt
            numbers = np.arange(start, min(start + self.part, self.end))
            yield np.broadcast_to(numbers[:, None, None], (len(numbers), *SHAPE))


def rows(count):
    return np.broadcast_to(np.arange(count, dtype="f2")[:, None, None], (count, *SHAPE))


def keep(maker, count=None, about=ABOUT):
    return kept.keep(about, maker.end if count is None else count, SHAPE, maker)


def file(home, name=kept.ROWS):
    (found,) = home.rglob(name)
    return found


def test_what_was_made_is_not_made_again(home):
    first, again = Maker(10), Maker(10)
    np.testing.assert_array_equal(keep(first), rows(10))
    np.testing.assert_array_equal(keep(again), rows(10))
    assert (first.asked, again.asked) == ([0], [])
    assert json.loads(file(home, kept.ABOUT).read_text()) == ABOUT
    assert file(home).stat().st_size == 2 * 10 * np.prod(SHAPE)


def test_more_rows_are_added_and_fewer_are_the_first():
    keep(Maker(10))
    more = Maker(17)
    np.testing.assert_array_equal(keep(more), rows(17))
    assert more.asked == [10]
    np.testing.assert_array_equal(keep(Maker(3)), rows(3))


@pytest.mark.parametrize("change", [dict(backbone="b"), dict(size=[4, 5]), dict(more=None)])
def test_rows_of_anything_else_are_others(change):
    keep(Maker(10))
    other = Maker(10)
    keep(other, about=ABOUT | change)
    assert other.asked == [0]


def test_a_program_that_was_stopped_goes_on_where_it_was(home):
    with pytest.raises(KeyboardInterrupt):
        keep(Maker(20, stop=8))
    with file(home).open("ab") as there:  # a part that was cut off as it was written
        there.write(b"half of a row")
    after = Maker(20)
    np.testing.assert_array_equal(keep(after), rows(20))
    assert after.asked == [8]


@pytest.mark.parametrize("lost", [2 * 6 + 1, 2 * 6 * 10])
def test_rows_that_were_cut_off_are_made_again(home, lost):
    keep(Maker(10))
    os.truncate(file(home), 2 * 6 * 10 - lost)
    after = Maker(10)
    np.testing.assert_array_equal(keep(after), rows(10))
    assert after.asked == [10 - -(-lost // 12)]


@pytest.mark.parametrize("said", ["", "many", "[1]", "null"])
def test_a_count_that_is_none_is_made_again(home, said):
    keep(Maker(10))
    file(home, kept.COUNT).write_text(said)
    np.testing.assert_array_equal(keep(Maker(10)), rows(10))


@pytest.mark.parametrize("room", [0, 4, 8])
def test_on_a_full_disk_the_rest_stays_in_memory(monkeypatch, capsys, room):
    append = kept._append

    def limited(file, folder, part, there):
        if there >= room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(file, folder, part, there)

    monkeypatch.setattr(kept, "_append", limited)
    maker = Maker(10)
    np.testing.assert_array_equal(keep(maker), rows(10))
    assert maker.asked == [0]
    assert "in memory alone: No space left on device" in capsys.readouterr().err
    monkeypatch.undo()


def test_a_cache_that_cannot_be_written_keeps_nothing(home, capsys):
    for path in ("isa-eqx", ""):
        (home / path).mkdir(exist_ok=True)
    (home / "isa-eqx" / "features").write_text("no folder")
    np.testing.assert_array_equal(keep(Maker(10)), rows(10))
    assert "kept in memory alone" in capsys.readouterr().err


def test_two_that_want_the_same_rows_make_them_once(capsys):
    begun, go = threading.Event(), threading.Event()

    class Slow(Maker):
        def __call__(self, first):
            begun.set()
            go.wait(30)
            return super().__call__(first)

    found, slow, other = {}, Slow(10), Maker(10)
    threads = [
        threading.Thread(target=lambda n=n, m=m: found.update({n: keep(m)}))
        for n, m in enumerate((slow, other))
    ]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    while "Waiting for another run" not in capsys.readouterr().err:
        pass
    go.set()
    for thread in threads:
        thread.join(30)
    for place in (0, 1):
        np.testing.assert_array_equal(found[place], rows(10))
    assert other.asked == []
