"""Files as the publishers of the datasets wrote them, small ones, with what is in them."""

import gzip
import io
import json
import struct
import zlib
from pathlib import Path

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    """A field of a message: an integer, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def byte_list(values):
    return field(1, b"".join(field(1, value) for value in values))


def pixels(array):
    """Every byte as a string of its own, as multi_object_datasets has them."""
    flat = np.ascontiguousarray(array, np.uint8).reshape(-1)
    strings = np.stack([np.full_like(flat, 10), np.ones_like(flat), flat], axis=1)
    return field(1, strings.tobytes())


def float_list(array, packed=True):
    data = np.asarray(array, "<f4").tobytes()
    if packed:
        return field(2, field(1, data))
    return field(2, b"".join(b"\x0d" + data[i : i + 4] for i in range(0, len(data), 4)))


def example(features):
    """A `tf.train.Example` of encoded lists."""
    entries = [field(1, field(1, name.encode()) + field(2, f)) for name, f in features.items()]
    return field(1, b"".join(entries))


def masked(data):
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def tfrecord(path, payloads, kind="gzip"):
    """A TFRecord file of payloads."""
    lengths = [struct.pack("<Q", len(payload)) for payload in payloads]
    data = b"".join(n + masked(n) + p + masked(p) for n, p in zip(lengths, payloads, strict=True))
    pack = {"gzip": gzip.compress, "zlib": zlib.compress, "plain": bytes}[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack(data))
    return path


def encoded(array, form="png", **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, form, **options)
    return buffer.getvalue()


def picture(random, height, width):
    """Pixels that compress: a coarse picture, enlarged."""
    coarse = random.integers(0, 256, (height // 5 + 1, width // 5 + 1, 3), np.uint8)
    return coarse.repeat(5, 0).repeat(5, 1)[:height, :width]


SIZES = {
    "tetrominoes": (35, 35, 4),
    "objects_room": (64, 64, 7),
    "clevr": (240, 320, 11),
    "clevrtex": (240, 320, 11),
    "multishapenet_easy": (240, 320, 5),
    "waymo_open": (320, 480, 9),
}


def multi_object(dataset, folder, count=4, seed=0, kind="gzip", name=None, entities=None):
    """A file of multi_object_datasets; masks overlap in places and leave others uncovered."""
    random = np.random.default_rng(seed)
    height, width, k = SIZES[dataset]
    k = entities or k
    images, labels, payloads = [], [], []
    for n in range(count):
        image = picture(random, height, width)
        masks = random.random((k, height // 5 + 1, width // 5 + 1)) < 0.3
        masks = masks.repeat(5, 1).repeat(5, 2)[:, :height, :width]
        features = dict(image=pixels(image), mask=pixels(np.where(masks, 255, 0)))
        visible = np.arange(k) <= n % k
        if dataset == "tetrominoes":
            features |= {name: float_list(np.arange(k) + 0.5) for name in ("x", "y", "shape")}
            features |= dict(color=float_list(np.eye(3)[np.arange(k) % 3], packed=False))
        if dataset == "clevr":
            features |= {name: float_list(np.arange(k) / 4) for name in ("x", "y", "z", "rotation")}
            features |= {n: pixels(np.arange(k)) for n in ("size", "material", "shape", "color")}
            features |= dict(pixel_coords=float_list(np.zeros((k, 3))))
        if dataset != "objects_room":
            features |= dict(visibility=float_list(visible))
        payloads.append(example(features))
        images.append(image)
        labels.append((masks > 0).argmax(0))
    path = tfrecord(folder / (name or f"{dataset}_train.tfrecords"), payloads, kind)
    return path, images, labels


def clevrtex(folder, variant="full", count=3, first=0):
    random = np.random.default_rng(count)
    images, labels = [], []
    for n in range(first, first + count):
        place = folder / f"clevrtex_{variant}" / str(n // 2) / f"CLEVRTEX_{variant}_{n:06d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        image, label = (
            picture(random, 240, 320),
            random.integers(0, 11, (240, 320)).astype(np.uint8),
        )
        alpha = random.integers(0, 256, (240, 320, 1), np.uint8)
        place.write_bytes(encoded(np.concatenate([image, alpha], 2)))
        flat = Image.fromarray(label).convert("P")
        flat.putdata(label.reshape(-1).tolist())
        flat.putpalette([(7 * i) % 256 for i in range(768)])
        flat.save(place.with_name(f"{place.stem}_flat.png"))
        thing = dict(shape="cube", size="large", rotation=30.5, index=1, material="a/b", color=None)
        thing |= {"3d_coords": [0.5, 1.0, 2.0], "pixel_coords": [3, 4, 5.0]}
        described = dict(objects=[thing] * 3, num_objects=3)
        place.with_suffix(".json").write_text(json.dumps(described))
        images.append(image)
        labels.append(label)
    return folder / f"clevrtex_{variant}", images, labels


def multishapenet(folder, scenes=(0, 1), views=2):
    random = np.random.default_rng(5)
    images, labels = [], []
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    np.savez(folder / "metadata.npz", shape=np.zeros(3))
    for scene in scenes:
        for view in range(views):
            images.append(picture(random, 240, 320))
            labels.append(random.integers(0, 5, (240, 320)).astype(np.uint8))
            (folder / f"images/img_{scene}_{view}.png").write_bytes(encoded(images[-1]))
            (folder / f"masks/masks_{scene}_{view}.png").write_bytes(encoded(labels[-1]))
    return folder, images, labels


def multishapenet_tfds(folder, count=2):
    """Two cameras a record, and 1 for the background."""
    random = np.random.default_rng(6)
    images, labels, payloads = [], [], []
    for _ in range(count):
        features = dict(scene_name=byte_list([b"a"]))
        for camera in ("camera0", "camera1"):
            image, label = picture(random, 240, 320), random.integers(1, 6, (240, 320))
            label = label.astype(np.uint8)
            key = f"cameras/{camera}"
            features[f"{key}/color_image"] = byte_list([encoded(image)])
            features[f"{key}/instance_image"] = byte_list([encoded(label)])
            features[f"{key}/positions"] = float_list(np.zeros(3))
            images.append(image)
            labels.append(label - 1)
        payloads.append(example(features))
    name = "multi_shapenet_easy-train.tfrecord-00000-of-00001"
    return tfrecord(folder / name, payloads, "plain"), images, labels


DIVISOR = 1000


def _waymo_frames(count, seed=7):
    """JPEG, its pixels, and for every second frame the panoptic PNG and its labels."""
    random = np.random.default_rng(seed)
    height, width, _ = SIZES["waymo_open"]
    for n in range(count):
        jpeg = encoded(picture(random, height, width), "jpeg", quality=90)
        labels = random.integers(0, 9, (height // 40, width // 40)).repeat(40, 0).repeat(40, 1)
        panoptic = (labels + DIVISOR * (labels % 3)).astype(np.uint16)
        decoded = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
        yield jpeg, decoded, encoded(panoptic) if n % 2 == 0 else None, labels


def waymo_tables(folder, count=4, name="training", drive="drive"):
    """Parquet of v2: images of two cameras in one file, some labels in another."""
    images, labels, rows, labelled = [], [], [], []
    for n, (jpeg, decoded, panoptic, label) in enumerate(_waymo_frames(count)):
        for camera in (2, 1):
            key = {
                "key.segment_context_name": drive,
                "key.frame_timestamp_micros": 1000 + n,
                "key.camera_name": camera,
            }
            image = jpeg if camera == 1 else b"another camera's"
            rows.append(key | {"[CameraImageComponent].image": image})
            prefix = "[CameraSegmentationLabelComponent].panoptic_label"
            if panoptic and camera == 1:
                labelled.append(key | {prefix: panoptic, f"{prefix}_divisor": DIVISOR})
        images.append(decoded)
        labels.append(label if panoptic else None)
    for kind, table in (("camera_image", rows), ("camera_segmentation", labelled[::-1])):
        path = folder / name / kind / "drive.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(table), path, row_group_size=3)
    return folder / name, images, labels


def waymo_frames(folder, count=4, name="training"):
    """Frame protos of v1.4, two cameras in each."""
    images, labels, payloads = [], [], []
    for jpeg, decoded, panoptic, label in _waymo_frames(count):
        annotation = field(10, field(1, DIVISOR) + field(2, panoptic)) if panoptic else b""
        front = field(1, 1) + field(2, jpeg) + annotation
        other = field(1, 2) + field(2, b"another camera's")
        frame = (
            field(1, field(1, name.encode())) + field(2, 1234) + field(4, other) + field(4, front)
        )
        payloads.append(frame + field(5, b"laser"))
        images.append(decoded)
        labels.append(label if panoptic else None)
    return tfrecord(folder / name / "segment.tfrecord", payloads, "plain"), images, labels


RELEASES = (
    "tetrominoes", "objects_room", "six objects", "empty room", "clevr", "clevrtex",
    "clevrtex camo", "multishapenet", "multishapenet tfds", "waymo v2", "waymo v1.4",
)  # fmt: skip


def releases(folder: Path):
    """By name: dataset, split, source, images and labels of everything there is a reader for."""
    room = "objects_room"
    six = dict(count=2, entities=10, name="objects_room_test_six_objects.tfrecords")
    empty = dict(count=2, entities=4, name="objects_room_test_empty_room.tfrecords")
    return {
        "tetrominoes": ("tetrominoes", "validation", *multi_object("tetrominoes", folder / "t")),
        "objects_room": (room, "validation", *multi_object(room, folder / "o")),
        "six objects": (room, "six_objects", *multi_object(room, folder / "s", **six)),
        "empty room": (room, "empty_room", *multi_object(room, folder / "e", **empty)),
        "clevr": ("clevr", "validation", *multi_object("clevr", folder / "c", kind="zlib")),
        "clevrtex": ("clevrtex", "test", *clevrtex(folder / "x")),
        "clevrtex camo": ("clevrtex", "camo_train", *clevrtex(folder / "y", "camo", first=4000)),
        "multishapenet": ("multishapenet_easy", "train", *multishapenet(folder / "m")),
        "multishapenet tfds": ("multishapenet_easy", "train", *multishapenet_tfds(folder / "n")),
        "waymo v2": ("waymo_open", "train", *waymo_tables(folder / "w")),
        "waymo v1.4": ("waymo_open", "train", *waymo_frames(folder / "v")),
    }  # fmt: skip
