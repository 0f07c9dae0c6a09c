"""Data of strangers: only their own bytes become rows, whatever they name, and under any name."""

import io
import json
import os
import shutil

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hub.common.image_file import read_image_file, read_label_file
from hub.mirror.__main__ import main
from hub.mirror.sources import read_records, tfrecord
from hub.mirror.sources.arrow import open_parquet
from hub.mirror.sources.rows import decode_image, decode_labels

from ..conftest import HUB

pytestmark = pytest.mark.quick

SECRET = 77
FILES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.fixture(autouse=True)
def uncounted(monkeypatch):
    """`datasets` looks a server up that counts."""
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)


def png(value, size=(16, 16), kind="png"):
    buffer = io.BytesIO()
    Image.new("RGB", size, (value, 255, 0)).save(buffer, kind)
    return buffer.getvalue()


def put(path, value, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(value, **options))
    return path


def table(path, cells=None, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    columns |= {} if cells is None else {"image": cells}
    with path.open("wb") as file:
        pq.write_table(pa.table(columns), file)


def rows(*sources, to):
    """The rows of the mirror, split by split, by the red of the images."""
    main("images", tuple(map(str, sources)), str(to))
    found = {}
    for file in sorted((to / "data").iterdir()):
        read = pq.ParquetFile(file).read().to_pylist()
        values = [int(decode_image(row["image"]["bytes"])[0, 0, 0]) for row in read]
        found.setdefault(file.name.split("-")[0], []).extend(values)
    return found


def every(found):
    return sorted(value for some in found.values() for value in some)


@pytest.fixture
def secret(tmp_path):
    """A file of mine, beside what a stranger has sent."""
    return put(tmp_path / "mine" / "secret.png", SECRET)


def hostile(secret):
    """Cells that name it, in every way that a library would follow."""
    names = [str(secret), f"file://{secret}", os.path.relpath(secret), "https://localhost/x.png"]
    cells = [{"bytes": png(n), "path": "own.png"} for n in range(12)]
    return pa.array(cells + [{"bytes": None, "path": name} for name in names], FILES)


def test_a_row_that_names_a_file_of_mine_is_left_out_and_named(tmp_path, secret, capsys):
    table(tmp_path / "in/a.parquet", hostile(secret))
    assert every(rows(tmp_path / "in", to=tmp_path / "out")) == list(range(12))
    said = capsys.readouterr().out
    assert said.count("Left out: ") == 4 and said.count("only names a file, ") == 4
    assert f"{tmp_path}/in/a.parquet, row 12: it only names a file" in said


def test_so_is_a_label_map(tmp_path, secret):
    cells = [{"bytes": png(n), "path": None} for n in range(12)]
    named = [{"bytes": None, "path": str(secret)}] * 12
    table(tmp_path / "in/a.parquet", pa.array(cells, FILES), mask=pa.array(named, FILES))
    with pytest.raises(SystemExit, match="none of the source could be read"):
        rows(tmp_path / "in", to=tmp_path / "out")


def share(files):
    HUB.repos.pop(("dataset", "stranger/pets"), None)
    HUB.put("stranger/pets", files, kind="dataset")


def test_a_dataset_of_the_hub_cannot_name_a_file_of_mine(tmp_path, secret):
    table(tmp_path / "train.parquet", hostile(secret))
    share({"data/train.parquet": (tmp_path / "train.parquet").read_bytes()})
    assert every(rows("stranger/pets", to=tmp_path / "out")) == list(range(12))


@pytest.mark.parametrize("name", ["{0}", "file://{0}", "../../../../../..{0}"])
def test_nor_can_its_readme(tmp_path, secret, name):
    table(secret.with_suffix(".parquet"), [png(SECRET)] * 12)
    where = name.format(secret.with_suffix(".parquet"))
    readme = f"---\nconfigs:\n- config_name: default\n  data_files: '{where}'\n---\n"
    share({"README.md": readme.encode(), "data/train.csv": b"a\n1\n"})
    with pytest.raises(SystemExit, match="belong to stranger/pets|stranger/pets has no data"):
        rows("stranger/pets", to=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nor_can_a_list_of_files_beside_its_images(tmp_path, secret):
    lines = [{"image": str(secret)}, {"image": f"file://{secret}"}]
    content = "\n".join(map(json.dumps, lines)).encode()
    readme = (
        "---\nconfigs:\n- config_name: default\n  data_files: a.jsonl\n"
        "dataset_info:\n  features:\n  - name: image\n    dtype: image\n---\n"
    )
    share({"README.md": readme.encode(), "a.jsonl": content})
    with pytest.raises(SystemExit, match="none of the source could be read"):
        rows("stranger/pets", to=tmp_path / "out")
    assert not list((tmp_path / "out").glob("data/*.parquet"))


def test_a_repo_without_data_is_said_in_a_sentence(tmp_path):
    share({"README.md": b"# Soon", "notes.bin": b"1"})
    with pytest.raises(SystemExit, match="^error: reading stranger/pets.* has no data of a kind"):
        rows("stranger/pets", to=tmp_path / "out")


def test_splits_of_a_repo_are_told_apart_and_those_of_no_use_are_counted(tmp_path, capsys):
    files = {}
    for number, split in enumerate(("test", "train", "valid")):
        masks = {"annotation": [png(0)] * 3} if split != "test" else {}
        table(tmp_path / "a", [png(100 * number + n) for n in range(3)], id=[1, 2, 3], **masks)
        files[f"{split}/0.parquet"] = (tmp_path / "a").read_bytes()
    names = "".join(
        f"  - {{split: {split}, path: {path}/0.parquet}}\n"
        for split, path in (("dev", "valid"), ("train", "train"), ("extra", "test"))
    )
    readme = f"---\nconfigs:\n- config_name: default\n  data_files:\n{names}---\n"
    share(files | {"README.md": readme.encode()})
    found = rows("stranger/pets", to=tmp_path / "out")
    assert found == {"train": [100, 101, 102], "validation": [200, 201, 202]}
    said = capsys.readouterr().out
    assert "label maps: in column annotation" in said and "1 split (extra)" in said


def test_images_that_are_files_of_the_repo_are_read(tmp_path):
    share({f"train/{n}.png": png(n) for n in range(12)})
    assert every(rows("stranger/pets", to=tmp_path / "out")) == list(range(12))


def test_links_are_followed_inside_a_source_alone(tmp_path, secret, capsys):
    source = tmp_path / "in"
    for n in range(3):
        put(source / f"{n}.png", n)
    (source / "a.png").symlink_to(secret)
    (source / "b").symlink_to(secret.parent)
    (source / "up").symlink_to("..")
    (source / "gone.png").symlink_to(tmp_path / "nothing.png")
    put(tmp_path / "elsewhere/9.png", 9)
    (source / "inner.png").symlink_to("0.png")
    assert every(rows(source, to=tmp_path / "out")) == [0, 0, 1, 2]
    assert "4 links out of the source (such as " in capsys.readouterr().out
    # What a person names is what they mean, a link as well.
    (tmp_path / "linked").symlink_to(source)
    assert every(rows(tmp_path / "linked", to=tmp_path / "two")) == [0, 0, 1, 2]
    assert SECRET in every(rows(source, secret.parent, to=tmp_path / "three"))


def test_the_cache_of_the_hub_holds_links_that_are_its_own(tmp_path):
    repo = tmp_path / "datasets--user--pets"
    (repo / "snapshots/abc").mkdir(parents=True)
    for n in range(3):
        put(repo / f"blobs/{n}", n)
        (repo / f"snapshots/abc/{n}.png").symlink_to(f"../../blobs/{n}")
    assert every(rows(repo / "snapshots/abc", to=tmp_path / "out")) == [0, 1, 2]


@pytest.mark.parametrize("name", ["run[1]", "r*n1", "r?n1", "{run1}", "a::b", "ü b%#", "b\udcff"])
def test_a_folder_of_parquet_may_be_called_anything(tmp_path, name):
    """And is not taken for its neighbour."""
    table(tmp_path / "run1/a.parquet", [png(50)] * 3)
    table(tmp_path / name / f"{name}.parquet", [png(n) for n in range(3)])
    assert every(rows(tmp_path / name, to=tmp_path / "out")) == [0, 1, 2]


def test_names_that_are_no_text_are_read_and_forge_no_line(tmp_path, capsys):
    put(tmp_path / "in" / os.fsdecode(b"caf\xe9.png"), 99)
    for n in range(12):
        put(tmp_path / f"in/{n}.png", n)
    (tmp_path / "in" / os.fsdecode(b"b\xe9\n\x1b[31mLeft out: all.png")).write_bytes(b"broken")
    assert every(rows(tmp_path / "in", to=tmp_path / "out")) == [*range(12), 99]
    said = capsys.readouterr()
    lines = [line for line in said.out.splitlines() if "Left out" in line]
    assert len(lines) == 1 and r"b\udce9\n\x1b[31mLeft out: all.png is no image" in lines[0]
    said.out.encode("utf-8")


def test_no_program_is_started_to_read_an_image(tmp_path, capsys):
    """Pillow gives EPS to Ghostscript, whatever the file is called."""
    for n in range(3):
        put(tmp_path / f"in/{n}.png", n)
    (tmp_path / "in/x.png").write_bytes(png(1, kind="eps"))
    put(tmp_path / "in/y.eps", 1, kind="eps")
    assert every(rows(tmp_path / "in", to=tmp_path / "out")) == [0, 1, 2]
    said = capsys.readouterr().out
    assert "x.png is no image" in said and "not used: 1 .eps file." in said
    for decode in (decode_image, decode_labels):
        with pytest.raises(ValueError, match="is no picture"):
            decode(png(1, kind="eps"))


@pytest.mark.parametrize("layout", ["{}/0000.parquet", "default/{}/0.parquet", "a/{}-0.parquet"])
def test_parquet_is_of_the_split_that_its_folder_or_name_says(tmp_path, layout):
    for number, split in enumerate(("Train", "val", "TEST")):
        path = tmp_path / "in" / layout.format(split)
        table(path, [png(100 * number + n) for n in range(3)])
    found = rows(tmp_path / "in", to=tmp_path / "out")
    assert found == {"train": [0, 1, 2], "validation": [100, 101, 102], "test": [200, 201, 202]}


def test_of_tables_too_small_images_copies_and_other_files_are_left_out(tmp_path, capsys):
    cells = [png(n) for n in range(3)] + [png(9, (1, 1)), png(8, (1, 500)), png(7, (7, 8))]
    for name in ("a.parquet", "b.parquet"):
        table(tmp_path / "in" / name, cells)
    table(tmp_path / "in/0.parquet", other=[1, 2])
    table(tmp_path / "in/test.parquet", [png(100)], caption=["a"])
    (tmp_path / "in/a.json").write_text("{}")
    assert every(rows(tmp_path / "in", to=tmp_path / "out")) == [0, 1, 2, 100]
    said = capsys.readouterr().out
    assert said.count("at least 8 are wanted") == 3
    for part in ("1 duplicate file (b.parquet)", "1 file without column image (0.parquet)",
                 "1 .json file"):  # fmt: skip
        assert part in said


def test_a_mirror_of_a_mirror_is_the_same(tmp_path, capsys):
    """Though there is a picture for people to look at beside its tables."""
    for n in range(12):
        put(tmp_path / f"in/{n}.png", n)
        put(tmp_path / f"in/{n}_mask.png", 200)
    first = rows(tmp_path / "in", to=tmp_path / "one")
    assert rows(tmp_path / "one", to=tmp_path / "two") == first
    said = capsys.readouterr().out.split("Found")[2]
    assert "12 images in column image: 11 train, 1 validation; label maps: in column mask" in said
    assert "1 .png file" in said
    # A stray table beside images is as little in the way.
    shutil.copy(tmp_path / "one/data/validation-00000.parquet", tmp_path / "in/a.parquet")
    (tmp_path / "in/torn.parquet").write_bytes(b"PAR1")
    assert rows(tmp_path / "in", to=tmp_path / "three") == first


def test_a_row_of_a_mirror_has_its_bytes():
    for decode in (decode_image, decode_labels):
        with pytest.raises(ValueError, match="is not in the row; what a row only names is not"):
            decode(None)


def test_what_is_understood_is_said_before(tmp_path, capsys):
    for split, count in (("train", 3), ("val", 2)):
        for n in range(count):
            put(tmp_path / f"in/images/{split}/{n}.png", n)
            put(tmp_path / f"in/Masks/{split}/{n}.png", 0)
    (tmp_path / "in/notes.txt").write_text("of mine")
    rows(tmp_path / "in", to=tmp_path / "out")
    assert capsys.readouterr().out.startswith(
        "Found 5 images: 3 train, 2 validation; label maps: 5 in Masks/; "
        "not used: 1 .txt file.\nMirroring"
    )
    sources = [tmp_path / "in/images" / split for split in ("train", "val")]
    assert rows(*sources, to=tmp_path / "two") == {"train": [0, 1, 2], "validation": [0, 1]}


def test_images_to_validate_on_that_are_all_broken_are_an_error(tmp_path):
    for n in range(3):
        put(tmp_path / f"in/train/{n}.png", n)
    (tmp_path / "in/val").mkdir()
    (tmp_path / "in/val/0.png").write_bytes(b"broken")
    with pytest.raises(SystemExit, match="no image to validate on: each was left out"):
        rows(tmp_path / "in", to=tmp_path / "out")


def test_splits_without_one_to_train_on_are_said_and_one_alone_is_trained_on(tmp_path):
    for name in ("val", "test"):
        put(tmp_path / f"in/{name}/0.png", 0)
        put(tmp_path / f"in/{name}/1.png", 1)
    with pytest.raises(SystemExit, match="no image to train on: all are in folders of test and"):
        rows(tmp_path / "in", to=tmp_path / "out")
    assert rows(tmp_path / "in/val", to=tmp_path / "one").keys() == {"train", "validation"}


def test_negative_labels_are_background(tmp_path):
    labels = np.zeros((16, 16), np.int32)
    labels[2:6, 2:6], labels[6, 2:6] = 5, -1
    for n in range(2):
        put(tmp_path / f"in/{n}.png", n)
        Image.fromarray(labels).save(tmp_path / f"in/{n}_mask.tif")
    (first, _) = (record.row() for record in read_records("images", [tmp_path / "in"]))
    np.testing.assert_array_equal(decode_labels(first["mask"]["bytes"]), labels == 5)
    assert first["num_objects"] == 1


READERS = {
    "a.png": read_image_file,
    "a_mask.png": read_label_file,
    "a.parquet": lambda path: open_parquet(path).__enter__(),
    "a.tfrecords": lambda path: list(tfrecord.read_records(path)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pointer_of_git_lfs_is_called_one(tmp_path, name):
    """As a clone has it in place of every large file, where Git LFS is not installed."""
    path = tmp_path / name
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n")
    with pytest.raises(ValueError, match=f"{name} is a pointer of Git LFS.*`git lfs pull`"):
        READERS[name](path)
