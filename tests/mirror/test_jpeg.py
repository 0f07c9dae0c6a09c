"""A photo in a mirror: the pixels that a person sees, and nothing about who took it."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hub.common.image_file import decode_image_file
from hub.mirror import decode_image
from hub.mirror.sources.image_row import Picture, make_image_row
from hub.mirror.sources.jpeg import without_metadata

pytestmark = pytest.mark.quick

SECRET = b"52.5163 N 13.3777 E"
ORIENTATION, DESCRIPTION = 0x0112, 0x010E


def smooth(height, width, channels):
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(y / (5 + c)) * np.cos(x / (7 + c)) for c in range(channels)]
    return (127 + 120 * np.stack(waves, -1)).astype(np.uint8)


def photo(mode="RGB", size=(24, 24), turned=1, told=False, **options):
    """A JPEG file; `told`: with `SECRET` wherever cameras and programs write."""
    pixels = smooth(*size, len(Image.new(mode, (1, 1)).getbands()))
    image = Image.fromarray(pixels.squeeze(), mode)
    exif = Image.Exif()
    if turned != 1:
        exif[ORIENTATION] = turned
    if told:
        exif[DESCRIPTION] = SECRET.decode()
        options |= dict(comment=SECRET, xmp=SECRET)
    if exif:
        options |= dict(exif=exif)
    file = io.BytesIO()
    image.save(file, "jpeg", **options)
    return file.getvalue() + (SECRET if told else b"")


def stored(file, keep_aspect=True):
    picture = Picture(decode_image_file(file, "photo"), None, file)
    row = make_image_row("photo", 0, lambda: picture, keep_aspect)
    return row["image"]["bytes"]


def close(left, right):
    """Whether two images differ by no more than a JPEG of high quality does."""
    return np.mean((left.astype(float) - right) ** 2) < 255**2 / 10**3.8  # 38 dB


photos = st.fixed_dictionaries(
    dict(
        mode=st.sampled_from(["RGB", "L", "CMYK"]),
        size=st.tuples(st.integers(8, 40), st.integers(8, 40)),
        told=st.booleans(),
        quality=st.integers(30, 95),
        progressive=st.booleans(),
        optimize=st.booleans(),
        restart_marker_blocks=st.integers(0, 2),
        icc_profile=st.sampled_from([None, b"profile"]),
    )
)


@given(photos)
def test_a_photo_that_nothing_is_cut_off_keeps_its_pixels_and_not_what_it_tells(options):
    file = photo(**options)
    kept = stored(file)
    np.testing.assert_array_equal(decode_image(kept), decode_image_file(file, "photo"))
    assert SECRET not in kept
    if not options["told"]:
        assert kept == file


@given(photos, st.integers(2, 8))
def test_a_photo_that_is_turned_is_stored_upright(options, turned):
    file = photo(turned=turned, **options | dict(mode="RGB", quality=90))
    kept, seen = stored(file), decode_image_file(file, "photo")
    assert kept.startswith(b"\xff\xd8") and SECRET not in kept
    assert decode_image(kept).shape == seen.shape and close(decode_image(kept), seen)


@pytest.mark.parametrize(("size", "keep_aspect"), [((64, 96), False), ((300, 420), True)])
def test_a_photo_that_is_cut_or_shrunk_is_a_jpeg_of_high_quality(size, keep_aspect):
    file = photo(size=size, quality=60, told=True)
    lossless = io.BytesIO()
    Image.fromarray(decode_image_file(file, "photo")).save(lossless, "png")
    kept, exact = stored(file, keep_aspect), stored(lossless.getvalue(), keep_aspect)
    assert kept.startswith(b"\xff\xd8") and SECRET not in kept
    assert exact.startswith(b"\x89PNG")
    assert close(decode_image(kept), decode_image(exact))


def test_of_several_pictures_in_a_file_the_first_is_stored_alone():
    file, rest = io.BytesIO(), Image.fromarray(smooth(16, 16, 3))
    Image.fromarray(smooth(24, 24, 3)).save(file, "mpo", save_all=True, append_images=[rest])
    kept = stored(file.getvalue())
    assert decode_image(kept).shape == (24, 24, 3) and kept.count(b"\xff\xd8\xff") == 1


@given(photos, st.data())
def test_a_file_that_is_cut_off_or_altered_is_never_an_error(options, data):
    file = bytearray(photo(**options))
    end = data.draw(st.integers(0, len(file)), "end")
    assert without_metadata(bytes(file[:end])) is None or end > len(file) - len(SECRET) - 2
    file[data.draw(st.integers(0, len(file) - 1), "place")] = data.draw(st.integers(0, 255), "byte")
    without_metadata(bytes(file))
