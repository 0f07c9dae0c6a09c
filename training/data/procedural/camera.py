"""A pinhole camera."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class Camera(eqx.Module):
    """A camera that looks at a target, upright.

    - `position`, `target`: (x, y, z), in the scene's units; z is up.
    - `low`, `high`: slopes, (down, right), against the ray to the target, of the rays to the
      image's upper left and lower right corners.
    """

    position: Float[Array, "3"]
    target: Float[Array, "3"]
    low: Float[Array, "2"]
    high: Float[Array, "2"]

    def axes(self) -> Float[Array, "3 3"]:
        """Return the unit vectors to the right, down and forward, as rows."""
        forward = unit(self.target - self.position)
        right = unit(jnp.cross(forward, jnp.array([0.0, 0.0, 1.0])))
        return jnp.stack([right, jnp.cross(forward, right), forward])

    def rays(self, height: int, width: int) -> Float[Array, "3 n"]:
        """Return unit vectors through the middles of height × width pixels, in row-major order."""
        middles = [(np.arange(n, dtype=np.float32) + 0.5) / n for n in (height, width)]
        slopes = [self.low[i] + (self.high[i] - self.low[i]) * middles[i] for i in (0, 1)]
        down, right = (grid.reshape(-1) for grid in jnp.meshgrid(*slopes, indexing="ij"))
        through = jnp.stack([right, down, jnp.ones_like(down)])
        return unit(self.axes().T @ through)


def window(
    field: float, size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
    """Return `low` and `high` of a camera that sees a part of an image.

    - `field`: slope of the ray to the right border of the whole image.
    - `size`: height and width of the whole image.
    - `rows`, `columns`: where the part begins and ends.
    """
    height, width = size
    slopes = [
        [(2 * row - height) / width * field, (2 * column - width) / width * field]
        for row, column in zip(rows, columns, strict=True)
    ]
    return jnp.array(slopes[0]), jnp.array(slopes[1])


def unit(vectors: Float[Array, "3 *n"]) -> Float[Array, "3 *n"]:
    """Return vectors, along the first axis, divided by their lengths."""
    return vectors / jnp.linalg.norm(vectors, axis=0, keepdims=True)
