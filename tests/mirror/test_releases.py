"""What the publishers released comes out pixel for pixel, or with an error that says where."""

import gzip
import itertools
import json
import struct
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hub.mirror import FolderTarget, decode_image, decode_labels, features, make_row, mirror
from hub.mirror.sources import read_records, read_rows, waymo
from hub.mirror.sources.rows import MAX_LABEL, label_map
from hub.mirror.sources.tfrecord import masked_crc
from hub.mirror.sources.tfrecord import read_records as tfrecords

from .. import releases
from ..releases import RELEASES, example, field, multi_object, pixels, tfrecord


@pytest.mark.parametrize("name", RELEASES)
def test_rows_hold_the_pixels_and_labels_of_the_source(released, name):
    dataset, split, source, images, labels = released[name]
    found = list(read_rows(dataset, [source], split))
    assert len(found) == len(images)
    for given, image, label in zip(found, images, labels, strict=True):
        np.testing.assert_array_equal(decode_image(given["image"]["bytes"]), image)
        assert given["has_mask"] == (label is not None)
        if label is not None:
            np.testing.assert_array_equal(decode_labels(given["mask"]["bytes"]), label)
        assert given.keys() == features().keys()
        features().encode_example(given)


def test_what_is_known_of_objects_is_kept(released):
    dataset, split, source, *_ = released["tetrominoes"]
    third = list(read_rows(dataset, [source], split))[2]
    assert third["index"] == 2 and third["visibility"] == [True, True, False]
    assert third["num_objects"] == 2
    assert third["objects"]["position"] == [[1.5, 1.5], [2.5, 2.5], [3.5, 3.5]]
    assert third["objects"]["color"] == ["green", "blue", "red"]
    assert third["objects"]["shape"] == ["1.5", "2.5", "3.5"]
    dataset, split, source, *_ = released["clevr"]
    first = next(read_rows(dataset, [source], split))
    assert first["objects"]["material"] == [str(code) for code in range(1, 11)]
    assert first["objects"]["position"][3] == [1.0, 1.0, 1.0]
    assert first["objects"]["rotation"][-1] == 2.5
    dataset, split, source, *_ = released["clevrtex"]
    first = next(read_rows(dataset, [source], split))
    assert first["objects"]["size"] == ["large"] * 3 and first["num_objects"] == 3
    assert first["objects"]["position"][0] == [0.5, 1.0, 2.0]


def test_the_first_mask_wins_and_the_rest_is_counted():
    masks = np.zeros((3, 2, 3), bool)
    masks[1, 0, :2] = masks[2, 0, 1:] = masks[0, 1, 0] = True
    labels, overlap, uncovered = label_map(masks)
    np.testing.assert_array_equal(labels, [[1, 1, 2], [0, 0, 0]])
    assert (overlap, uncovered) == (1, 2)


def test_overlap_and_uncovered_pixels_are_those_of_the_masks(tmp_path):
    path, _, _ = multi_object("tetrominoes", tmp_path, count=1)
    (found,) = read_rows("tetrominoes", [path], "validation")
    assert 0 < found["overlap_pixels"] < 35 * 35 and 0 < found["uncovered_pixels"] < 35 * 35


@pytest.mark.parametrize(
    ("dataset", "variant", "index", "split"),
    [
        ("clevrtex", "full", 4999, "test"),
        ("clevrtex", "full", 5000, "validation"),
        ("clevrtex", "full", 9999, "validation"),
        ("clevrtex", "full", 10000, "train"),
        ("clevrtex", "outd", 9999, "outd_test"),
        ("clevrtex", "pbg", 3999, "pbg_validation"),
    ],
)
def test_published_splits_of_clevrtex(tmp_path, dataset, variant, index, split):
    source, _, _ = releases.clevrtex(tmp_path, variant, count=1, first=index)
    (found,) = read_records(dataset, [source])
    assert found.split == split and found.row()["index"] == index


def test_the_first_hundred_records_are_for_validation(tmp_path):
    path, _, _ = multi_object("tetrominoes", tmp_path, count=103)
    splits = [record.split for record in read_records("tetrominoes", [path])]
    assert splits == ["validation"] * 100 + ["train"] * 3
    assert [row["index"] for row in read_rows("tetrominoes", [path], "train")] == [100, 101, 102]


def test_frames_to_validate_on_have_two_labels(tmp_path):
    for source in (releases.waymo_tables, releases.waymo_frames):
        path, images, _ = source(tmp_path / source.__name__, name="validation")
        found = list(read_rows("waymo_open", [path], "validation"))
        assert len(found) == len(images) / 2 and all(row["has_mask"] for row in found)


@pytest.mark.parametrize("kind", ["gzip", "zlib", "plain"])
def test_tfrecords_of_every_kind(tmp_path, kind):
    payloads = [bytes([n]) * n**3 for n in (0, 1, 7, 60)]
    path = tfrecord(tmp_path / "some", payloads, kind)
    assert [payload for _, payload in tfrecords(path)] == payloads
    assert list(tfrecords(tfrecord(tmp_path / "none", [], kind))) == []


def test_the_checksum_is_castagnolis_masked():
    # RFC 3720, B.4: 32 bytes of zeros have 0x8a9136aa.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_gzip_of_several_members(tmp_path):
    path = tfrecord(tmp_path / "plain", [b"abc", b"defg"], "plain")
    data = path.read_bytes()
    (tmp_path / "two").write_bytes(gzip.compress(data[:21]) + gzip.compress(data[21:]))
    assert [payload for _, payload in tfrecords(tmp_path / "two")] == [b"abc", b"defg"]


@pytest.mark.parametrize("kind", ["gzip", "zlib", "plain"])
@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_file_that_is_cut_off_says_so_after_its_whole_records(tmp_path, kind, tenth):
    random = np.random.default_rng(0)
    payloads = [random.bytes(300) for _ in range(10)]
    path = tfrecord(tmp_path / "some", payloads, kind)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * tenth // 10 - 3])
    found = []
    with pytest.raises(ValueError, match=f"{path}.*cut off"):
        found += (payload for _, payload in tfrecords(path))
    assert found == payloads[: len(found)]


@pytest.mark.parametrize("kind", ["gzip", "zlib", "plain"])
def test_a_flipped_bit_is_found_wherever_it_is(tmp_path, kind):
    random = np.random.default_rng(0)
    payloads = [random.bytes(40) for _ in range(4)]
    path = tfrecord(tmp_path / "some", payloads, kind)
    data = path.read_bytes()
    unnoticed = []
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 1 << place % 8
        path.write_bytes(broken)
        try:
            assert [payload for _, payload in tfrecords(path)] == payloads
            unnoticed.append(place)
        except ValueError as error:
            assert str(path) in str(error)
    # Time and system in GZIP's header, and what fills up the last byte of compressed data.
    free = {"gzip": [*range(4, 10), len(data) - 9], "zlib": [len(data) - 5], "plain": []}
    assert set(unnoticed) <= set(free[kind])


def test_values_that_are_no_strings_of_one_byte(tmp_path):
    image = np.arange(35 * 35 * 3).astype(np.uint8)
    whole = field(1, field(1, image.tobytes()))
    path = tfrecord(
        tmp_path / "some", [example(dict(image=whole, mask=pixels(np.ones(4 * 35**2))))]
    )
    (found,) = read_rows("tetrominoes", [path], "validation")
    np.testing.assert_array_equal(decode_image(found["image"]["bytes"]).reshape(-1), image)


@pytest.mark.parametrize(
    ("dataset", "name", "message"),
    [
        ("clevr", "tetrominoes", r"record 0: its image has 3,675 values, wanted 240×320×3"),
        ("tetrominoes", "waymo v1.4", "record 0: it"),
        ("waymo_open", "tetrominoes", "record 0: it"),
        ("multishapenet_easy", "tetrominoes", "record 0: it has no cameras/NAME/color_image, but"),
        ("tetrominoes", "multishapenet tfds", "record 0: it has no image, but cameras/camera0/col"),
        ("clevrtex", "multishapenet", "no CLEVRTEX_"),
        ("tetrominoes", "clevrtex", r"no \*.tfrecord\* in"),
        ("clevr", "waymo v2", r"no \*.tfrecord\* in"),
    ],
)
def test_a_file_of_another_dataset_is_said_to_be_one(released, dataset, name, message):
    with pytest.raises(ValueError, match=message):
        for split in ("validation", "train", "test"):
            list(read_rows(dataset, [released[name][2]], split))


def test_a_label_above_255_is_refused(tmp_path):
    random = np.random.default_rng(0)
    panoptic = np.full((20, 30), 256, np.uint16)
    image = releases.encoded(releases.picture(random, 20, 30), "jpeg")
    label = field(10, field(1, 1000) + field(2, releases.encoded(panoptic)))
    frame = field(4, field(1, 1) + field(2, image) + label)
    path = tfrecord(tmp_path / "segment.tfrecord", [frame], "plain")
    with pytest.raises(
        ValueError, match=f"{path}, record 0: its labels go from 256 to 256; a mask"
    ):
        list(read_rows("waymo_open", [path], "train"))
    assert make_row(0, np.zeros((2, 2, 3), np.uint8), np.full((2, 2), MAX_LABEL))["has_mask"]


def test_what_is_missing_or_damaged_in_a_folder_is_named(tmp_path):
    source, _, _ = releases.clevrtex(tmp_path)
    image = next(source.rglob("*_000001.png"))
    flat, described = image.with_name(f"{image.stem}_flat.png"), image.with_suffix(".json")
    whole = flat.read_bytes()
    for break_it, message in (
        (lambda: flat.unlink(), "_flat.png"),
        (lambda: flat.write_bytes(whole[:-40]), "its mask is damaged"),
        (lambda: Image.new("RGB", (320, 240)).save(flat), "a picture in colour"),
        (lambda: Image.new("P", (32, 24)).save(flat), "its mask is 24×32, its image 240×320"),
        (lambda: flat.write_bytes(whole), None),
        (lambda: described.write_text("{"), "Expecting property name"),
        (lambda: described.write_text(json.dumps({})), "objects"),
    ):
        break_it()
        made = read_rows("clevrtex", [source], "test")
        if message is None:
            assert len(list(made)) == 3
            continue
        assert next(made)["index"] == 0
        with pytest.raises(ValueError, match=f"CLEVRTEX_full_000001.png: .*{message}"):
            next(made)


def test_to_look_at_some_of_a_file_leaves_no_thread(tmp_path):
    import threading

    path, _, _ = multi_object("tetrominoes", tmp_path, count=50)
    before = threading.active_count()
    assert len(list(itertools.islice(read_rows("tetrominoes", [path], "validation"), 3))) == 3
    assert threading.active_count() == before


def test_what_is_compressed_may_begin_like_a_record(tmp_path):
    path = tmp_path / "some"
    path.write_bytes(zlib.compress(b"no record at all, but for its checksum"))
    with pytest.raises(ValueError, match=f"{path}, record 0: the file holds no TFRecords"):
        list(tfrecords(path))


def test_a_flipped_bit_in_a_png_is_found_wherever_it_is():
    random = np.random.default_rng(0)
    data = releases.encoded(random.integers(0, 5, (20, 30)).astype(np.uint8))
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 1 << place % 8
        with pytest.raises(ValueError, match="its mask is (damaged|no picture)"):
            decode_labels(bytes(broken))
    for length in range(len(data)):
        with pytest.raises(ValueError, match="its mask is (damaged|no picture)"):
            decode_labels(data[:length])


@pytest.mark.parametrize(
    ("depth", "palette"), [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (1, 1), (2, 1), (4, 1), (8, 1)]
)
def test_labels_are_the_values_of_a_png_of_any_depth(depth, palette):
    labels = np.random.default_rng(0).integers(0, min(2**depth, 200), (7, 16)).astype(np.uint16)
    bits = (labels[..., None] >> np.arange(depth)[::-1]) & 1
    lines = np.packbits(bits.reshape(7, -1).astype(np.uint8), axis=1)
    colours = {b"PLTE": bytes(3 * 2**depth)} if palette else {}
    header = struct.pack(">IIBBBBB", 16, 7, depth, 3 if palette else 0, 0, 0, 0)
    filled = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines))
    chunks = {b"IHDR": header} | colours | {b"IDAT": filled, b"IEND": b""}
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks.items()
    )
    np.testing.assert_array_equal(decode_labels(data), labels)


def test_a_set_in_several_files_has_its_first_hundred_records_for_validation(tmp_path):
    for part in range(2):
        name = f"tetrominoes_train.tfrecords-0000{part}-of-00002"
        path, _, _ = multi_object("tetrominoes", tmp_path, count=70, name=name, seed=part)
    found = list(read_records("tetrominoes", [tmp_path, path]))  # of which it is taken once
    assert [record.split for record in found] == ["validation"] * 100 + ["train"] * 40
    assert [record.row()["index"] for record in found[98:]] == list(range(98, 140))
    (tmp_path / "more.tfrecords").touch()
    with pytest.raises(ValueError, match=r"more.tfrecords is empty; was it down"):
        next(read_records("tetrominoes", [tmp_path]))


def spoilt(path, change):
    """A parquet file with another table."""
    pq.write_table(pa.Table.from_pylist(change(pq.read_table(path).to_pylist())), path)


WAYMO = "[CameraSegmentationLabelComponent].panoptic_label"
TABLES = {
    "its picture is None": ("image", lambda rows: [row | {waymo.IMAGE: None} for row in rows]),
    "with the divisor None": (
        "segmentation",
        lambda rows: [row | {f"{WAYMO}_divisor": None} for row in rows],
    ),
    r"has no column \[CameraSegmentationLabelComponent\].panoptic_label_divisor": (
        "segmentation",
        lambda rows: [{k: v for k, v in row.items() if "divisor" not in k} for row in rows],
    ),
    "has no column key.camera_name": (
        "image",
        lambda rows: [{k: v for k, v in row.items() if "camera_name" not in k} for row in rows],
    ),
}


@pytest.mark.parametrize("message", TABLES)
def test_a_table_that_is_not_as_released_is_named(tmp_path, message):
    kind, change = TABLES[message]
    folder, _, _ = releases.waymo_tables(tmp_path)
    spoilt(folder / f"camera_{kind}/drive.parquet", change)
    with pytest.raises(ValueError, match=f"{folder}/camera_.*/drive.parquet.* {message}"):
        list(read_rows("waymo_open", [folder], "train"))


@pytest.mark.parametrize("kind", ["image", "segmentation"])
@pytest.mark.parametrize("left", [0, 900])
def test_a_table_that_is_cut_off_is_named(tmp_path, kind, left):
    folder, _, _ = releases.waymo_tables(tmp_path)
    path = folder / f"camera_{kind}/drive.parquet"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ValueError, match=f"{path} is damaged or no parquet"):
        list(read_rows("waymo_open", [folder], "train"))


def test_a_row_that_no_column_holds_is_named(tmp_path):
    source, _, _ = releases.clevrtex(tmp_path / "source")
    described = next(source.rglob("*_000001.json"))
    described.write_text(described.read_text().replace('"num_objects": 3', '"num_objects": 1e12'))
    with pytest.raises(ValueError, match=r"CLEVRTEX_full_000001.png: .*too large"):
        mirror("clevrtex", [source], FolderTarget(tmp_path / "mirror"))
    described.write_text(described.read_text().replace("30.5", '"a"').replace("1e12", "3"))
    with pytest.raises(
        ValueError, match=r"_000001.json does not list its objects .*could not convert"
    ):
        mirror("clevrtex", [source], FolderTarget(tmp_path / "mirror"))


def test_a_record_that_is_no_message_is_named(tmp_path):
    path = tfrecord(tmp_path / "easy-train.tfrecord", [b"no message at all"], "plain")
    for dataset, split in (
        ("multishapenet_easy", "train"),
        ("waymo_open", "train"),
        ("clevr", "validation"),
    ):
        with pytest.raises(ValueError, match=f"{path}, record 0: "):
            list(read_rows(dataset, [path], split))
