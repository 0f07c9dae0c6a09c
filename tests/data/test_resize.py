"""Resizing is that of the paper's data pipeline: half-pixel bilinear, no antialias."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from training.data.resize import Resize

SIZES = [((192, 192), (128, 128)), ((240, 240), (128, 128)), ((1280, 1920), (128, 192)),
         ((886, 1920), (128, 192)), ((20, 31), (64, 17)), ((35, 35), (35, 35)),
         ((1, 7), (3, 1))]  # fmt: skip


@pytest.mark.parametrize(("source", "size"), SIZES)
def test_it_is_half_pixel_bilinear_without_antialias(source, size):
    image = np.random.default_rng(0).integers(0, 256, (*source, 3), dtype=np.uint8)
    resize = Resize(source, size)
    picked = jnp.asarray(resize.pick(image), jnp.float32) / 255
    expected = jax.image.resize(
        jnp.asarray(image, jnp.float32) / 255, (*size, 3), "linear", antialias=False
    )
    assert picked.size <= 4 * expected.size or source < size
    np.testing.assert_allclose(resize.weigh(picked), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("source", "size"), SIZES)
def test_a_label_is_that_of_the_nearest_pixel(source, size):
    rows, columns = np.indices(source)
    resize = Resize(source, size)
    for places, old, new, axis in ((rows, source[0], size[0], 0), (columns, source[1], size[1], 1)):
        low, high = (places % 256).astype(np.uint8), (places // 256).astype(np.uint8)
        found = resize.nearest(low) + 256 * resize.nearest(high).astype(int)
        index = np.indices(size)[axis]
        centre = (index + 0.5) * old / new
        assert np.all((found <= centre) & (centre <= found + 1))
