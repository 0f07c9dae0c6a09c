"""Image files: the pixels that a person sees, or a sentence that says what to do."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hub.common.image_file import formats, read_image_file, read_label_file

pytestmark = pytest.mark.quick

SIZE = 20, 30  # height and width
RGB = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
GREY = RGB[..., 0]


def saved(folder, name, image, **options):
    image.save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp", "tga"])
def test_every_lossless_format_gives_the_same_pixels(tmp_path, suffix):
    options = dict(lossless=True) if suffix == "webp" else {}
    path = saved(tmp_path, f"a.{suffix}", Image.fromarray(RGB), **options)
    np.testing.assert_array_equal(read_image_file(path), RGB)


@pytest.mark.parametrize("suffix", ["jpg", "gif", "webp", "avif"])
def test_a_lossy_one_nearly(tmp_path, suffix):
    smooth = np.linspace(0, 255, SIZE[1]).astype(np.uint8)[None, :, None].repeat(SIZE[0], 0)
    path = saved(tmp_path, f"a.{suffix}", Image.fromarray(smooth.repeat(3, 2)))
    found = read_image_file(path)
    assert found.shape == (*SIZE, 3) and np.abs(found - smooth.astype(float)).mean() < 4


def test_what_is_in_it_does_not_depend_on_how_it_is_stored(tmp_path):
    grey = np.repeat(GREY[..., None], 3, axis=2)
    wide = (GREY.astype(np.uint16) * 257).astype("<u2")
    for name, image in (
        ("l.png", Image.fromarray(GREY)),
        ("la.png", Image.fromarray(np.stack([GREY, np.full_like(GREY, 255)], -1), "LA")),
        ("16.png", Image.fromarray(wide)),
        ("16.tif", Image.fromarray(wide)),
    ):
        np.testing.assert_array_equal(read_image_file(saved(tmp_path, name, image)), grey)
    bits = saved(tmp_path, "bits.png", Image.fromarray(GREY).convert("1"))
    assert set(np.unique(read_image_file(bits))) == {0, 255}


def test_what_is_transparent_shows_white(tmp_path):
    alpha = np.zeros((*SIZE, 1), np.uint8)
    alpha[:10] = 255
    path = saved(tmp_path, "a.png", Image.fromarray(np.concatenate([RGB, alpha], -1)))
    found = read_image_file(path)
    np.testing.assert_array_equal(found[:10], RGB[:10])
    assert (found[10:] == 255).all()


def test_a_photo_is_turned_as_its_exif_data_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    path = saved(tmp_path, "a.png", Image.fromarray(RGB), exif=exif)
    np.testing.assert_array_equal(read_image_file(path), np.rot90(RGB, -1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_label_map_is_turned_as_its_image_is(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = saved(tmp_path, "a.png", Image.fromarray(RGB), exif=exif)
    labels = saved(tmp_path, "a_mask.png", Image.fromarray(GREY), exif=exif)
    np.testing.assert_array_equal(read_label_file(labels), read_image_file(image)[..., 0])


def bomb():
    """A PNG of a few bytes that says it has 10^10 pixels."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def large():
    """A black image of 100 million pixels, in 12 kilobytes."""
    buffer = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(buffer, "png")
    return buffer.getvalue()


def half(image):
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.png", b"hello", "text.png is no image, or of a format that Pillow cannot read"),
        ("empty.png", b"", "empty.png is no image"),
        ("half.png", half(Image.fromarray(RGB)), "half.png is damaged, or cannot be read"),
        ("bomb.png", bomb(), "bomb.png has more than 89,478,485 pixels; make it smaller first"),
        ("large.png", large(), "large.png has more than 89,478,485 pixels; make it smaller first"),
    ],
)
def test_what_is_no_image_is_said_in_a_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as raised:
        read_image_file(tmp_path / name)
    assert len(str(raised.value).splitlines()) == 1


def test_a_name_forges_no_line(tmp_path):
    for name in ("a\nb\x1b[31m.png", "caf\udce9.png"):
        (tmp_path / name).write_bytes(b"no image")
        for path in (tmp_path / name, tmp_path / f"no {name}"):
            with pytest.raises(ValueError) as raised:
                read_image_file(path)
            assert str(raised.value).isprintable() and str(raised.value).isascii()


@pytest.mark.parametrize("suffix", ["eps", "ps"])
def test_no_program_is_started_to_read_one(tmp_path, suffix):
    """Pillow would have Ghostscript draw these, whatever the file is called."""
    assert f".{suffix}" not in formats() >= {".png", ".jpg", ".tif", ".gif", ".webp"}
    Image.fromarray(RGB).save(tmp_path / "a.png", "eps")
    with pytest.raises(ValueError, match="is no image, or of a format that"):
        read_image_file(tmp_path / "a.png")


def test_what_is_too_small_or_no_file_is_said_as_well(tmp_path):
    one = saved(tmp_path, "one.png", Image.new("RGB", (1, 1)))
    floats = saved(tmp_path, "f.tif", Image.fromarray(np.zeros(SIZE, np.float32)))
    for name, message in (
        (one, "one.png is 1 pixels wide and 1 high; at least 8 are wanted"),
        (floats, "its pixels are floats; 8 or 16 bits a channel are wanted"),
        (tmp_path / "none.png", "there is no file .*none.png"),
        (tmp_path, "is a folder; name its files, such as"),
        ("https://example.com/a.png", "is an address; download it, and name the file"),
    ):
        with pytest.raises(ValueError, match=message):
            read_image_file(name)


SHAPES = np.zeros(SIZE, np.uint8)
SHAPES[2:8, 2:9], SHAPES[10:15, 12:20] = 1, 2
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)


def partition(labels):
    """The same for label maps that differ by the numbers of objects alone, the background's not."""
    _, numbers = np.unique(labels, return_inverse=True)
    pairs = set(zip(SHAPES.ravel().tolist(), numbers.ravel().tolist(), strict=True))
    return (
        len(pairs) == len(np.unique(SHAPES)) == numbers.max() + 1
        and ((labels == 0) == (SHAPES == 0)).all()
    )


def palette_of(order):
    """The picture as a palette in this order, and some colours that are not in use."""
    image = Image.fromarray(np.argsort(order).astype(np.uint8)[SHAPES], "P")
    image.putpalette(COLOURS[order].tobytes() + bytes([9, 9, 9] * 5))
    return image


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("rgb.png", lambda colours: Image.fromarray(colours)),
        ("rgb.gif", lambda colours: Image.fromarray(colours)),
        ("fewer.png", lambda colours: Image.fromarray(colours).quantize(4)),
        ("adaptive.bmp", lambda colours: Image.fromarray(colours).convert("P", palette=1)),
        ("rgba.png", lambda colours: Image.fromarray(colours).convert("RGBA")),
        ("cmyk.tif", lambda colours: Image.fromarray(colours).convert("CMYK")),
        ("first.png", lambda colours: palette_of([0, 1, 2])),
        ("second.png", lambda colours: palette_of([1, 0, 2])),
        ("last.png", lambda colours: palette_of([2, 1, 0])),
        ("grey.png", lambda colours: Image.fromarray(SHAPES * 90)),
        ("wide.tif", lambda colours: Image.fromarray(SHAPES.astype(np.int32))),
        ("floats.tif", lambda colours: Image.fromarray(SHAPES.astype(np.float32))),
    ],
)
def test_black_is_the_background_however_it_is_stored(tmp_path, name, make):
    assert partition(read_label_file(saved(tmp_path, name, make(COLOURS[SHAPES]))))


def test_what_is_transparent_is_background_unless_all_is(tmp_path):
    white = np.where(SHAPES[..., None] == 0, 255, COLOURS[SHAPES])
    for alpha, name in ((SHAPES > 0, "a.png"), (SHAPES > 0, "a.webp")):
        pixels = np.concatenate([white, 255 * alpha[..., None]], -1).astype(np.uint8)
        options = {} if name.endswith("png") else dict(lossless=True, exact=True)
        assert partition(read_label_file(saved(tmp_path, name, Image.fromarray(pixels), **options)))
    unseen = np.concatenate([COLOURS[SHAPES], np.zeros((*SIZE, 1), np.uint8)], -1)
    assert partition(read_label_file(saved(tmp_path, "b.png", Image.fromarray(unseen))))
    image = palette_of([1, 0, 2])
    assert partition(read_label_file(saved(tmp_path, "c.png", image, transparency=1)))


def test_void_of_a_palette_is_background_and_a_white_object_is_none(tmp_path):
    """Pascal VOC has 255 on the borders of objects, others as their only object."""
    for labels, wanted in (
        (np.where(SHAPES == 2, 255, SHAPES), np.where(SHAPES == 2, 0, SHAPES)),
        (np.where(SHAPES > 0, 255, 0), np.where(SHAPES > 0, 255, 0)),
    ):
        image = Image.fromarray(labels.astype(np.uint8), "P")
        image.putpalette(
            bytes([0, 0, 0, 128, 0, 0, 0, 128, 0]) + bytes([7] * 750 + [224, 224, 192])
        )
        np.testing.assert_array_equal(read_label_file(saved(tmp_path, "a.png", image)), wanted)
    grey = saved(tmp_path, "grey.png", Image.fromarray(SHAPES * 127))
    np.testing.assert_array_equal(read_label_file(grey), SHAPES * 127)


def test_fractions_are_no_labels(tmp_path):
    for value in (0.5, np.nan, np.inf):
        labels = np.where(SHAPES == 1, value, 0).astype(np.float32)
        with pytest.raises(ValueError, match="its labels are fractions, or no numbers"):
            read_label_file(saved(tmp_path, "a.tif", Image.fromarray(labels)))


def test_a_label_map_may_be_of_numbers_a_palette_or_colours(tmp_path):
    labels = np.random.default_rng(1).integers(0, 4, SIZE)
    palette = Image.fromarray(labels.astype(np.uint8), "P")
    palette.putpalette(np.arange(12, dtype=np.uint8)[::-1].tobytes())
    wide = Image.fromarray((labels * 1000).astype(np.uint16))
    colours = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]], np.uint8)[labels]
    found = [
        read_label_file(saved(tmp_path, f"{n}.png", image))
        for n, image in enumerate((palette, wide, Image.fromarray(colours)))
    ]
    np.testing.assert_array_equal(found[0], labels)
    np.testing.assert_array_equal(found[1], labels * 1000)
    for value in range(4):
        assert len(np.unique(found[2][labels == value])) == 1
    assert (found[2] == 0).sum() == (labels == 0).sum() and len(np.unique(found[2])) == 4
