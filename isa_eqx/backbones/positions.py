"""Tables of positions, resized to other numbers of patches than a backbone was trained with.

The same weights are used with four different ways of doing so, none of which computes what another
does. Here are two: timm's, whose features the published slot models were trained on, and that of
transformers' `Dinov2Model`, for its numbers.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..config_checks import check_choice

RESIZINGS = "antialias", "plain"  # as in timm, as in transformers' Dinov2Model
_A = -0.75  # Keys' parameter in PyTorch without antialiasing; with it, and in JAX, it is -0.5


def resize_positions(
    table: Float[Array, "y x d"], height: int, width: int, resizing: str
) -> Float[Array, "h w d"]:
    """Resize a table by cubic convolution (Keys 1981), in its own precision.

    - `resizing`: `antialias` widens the kernel where the table becomes smaller, as timm and
      transformers' `Dinov2WithRegistersModel` do; `plain` does not, as `Dinov2Model`.

    Raises a `ValueError` for another `resizing`.
    """
    check_choice("resizing", resizing, RESIZINGS)
    if table.shape[:2] == (height, width):
        return table
    if resizing == "antialias":
        return jax.image.resize(table, (height, width, table.shape[2]), "cubic", antialias=True)
    down, across = (
        jnp.asarray(_cubic(old, new), table.dtype)
        for old, new in zip(table.shape, (height, width), strict=False)
    )
    return jnp.einsum("hy,wx,yxd->hwd", down, across, table, precision="highest")


def _cubic(old: int, new: int) -> np.ndarray:
    """Return the (new, old) weights of cubic convolution; beyond an edge is the edge."""
    places = (np.arange(new) + 0.5) * old / new - 0.5
    nearest = np.floor(places).astype(int)[:, None] + np.arange(-1, 3)
    far = np.abs(places[:, None] - nearest)
    near = ((_A + 2) * far - (_A + 3)) * far**2 + 1
    tail = _A * (((far - 5) * far + 8) * far - 4)
    weights = np.zeros((new, old))
    rows = np.broadcast_to(np.arange(new)[:, None], nearest.shape)
    np.add.at(weights, (rows, nearest.clip(0, old - 1)), np.where(far <= 1, near, tail))
    return weights
