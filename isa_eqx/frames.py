"""Frames of reference: where an object is, how large and how turned."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, DTypeLike, Float

from .grid import rotated, rotation_matrix


class Frame(eqx.Module):
    """Position, scale and rotation of each slot's object.

    What a symmetry does not use stays at the identity.

    - `position`: (y, x) in grid units: the image's corners lie at ±1. Identity: 0.
    - `scale`: spread along the frame's (y, x) axes, in grid units. Identity: 1.
    - `rotation`: orthogonal, its columns the frame's axes in (x, y). Identity: I.
    """

    position: Float[Array, "*k 2"]
    scale: Float[Array, "*k 2"]
    rotation: Float[Array, "*k 2 2"]

    def moved(
        self,
        *,
        shift: ArrayLike | Sequence[Any] = (0, 0),
        scale: ArrayLike | Sequence[Any] = 1,
        angle: ArrayLike | Sequence[Any] = 0,
        around: ArrayLike | Sequence[Any] = (0, 0),
    ) -> "Frame":
        """Return these frames after the plane has been scaled, then turned, then shifted.

        - `shift`: (y, x), in grid units.
        - `scale`: one factor, or two along (y, x).
        - `angle`: in radians from x towards y.
        - `around`: the (y, x) that scaling and turning leave where it is; by default the image's
          centre. With `around=frames.position`, each object is scaled and turned in its place.

        Each is one value for all frames, or an array with a value for each. Decoding with the
        returned frames paints the same objects there. A frame's axes stay at right angles, so
        unequal factors are exact only for frames that are not rotated. Raises a `ValueError` for
        other shapes.
        """
        pairs, singles = self.position.shape, self.position.shape[:-1]
        by = self._for_each("shift", shift, pairs, ((2,), pairs))
        fixed = self._for_each("around", around, pairs, ((2,), pairs))
        factor = self._for_each("scale", scale, pairs, ((), (2,), pairs))
        turn = rotation_matrix(self._for_each("angle", angle, singles, ((), singles)))
        arm = factor * (self.position - fixed)
        there = rotated(arm[..., None, :], jnp.swapaxes(turn, -2, -1))
        return Frame(
            position=there[..., 0, :] + fixed + by,
            scale=factor * self.scale,
            rotation=jnp.matmul(turn, self.rotation, precision="highest"),
        )

    def _for_each(
        self,
        name: str,
        numbers: ArrayLike | Sequence[Any],
        shape: tuple[int, ...],
        valid: tuple[tuple[int, ...], ...],
    ) -> Float[Array, "..."]:
        """Return the numbers for all frames. Raises a `ValueError` for an invalid shape."""
        array = jnp.asarray(numbers, self.position.dtype)
        if array.shape not in valid:
            wanted = " or ".join(str(one) for one in dict.fromkeys(valid))
            raise ValueError(f"{name} must have shape {wanted}, got {array.shape}.")
        return jnp.broadcast_to(array, shape)


def identity(num_slots: int, dtype: DTypeLike = jnp.float32) -> Frame:
    """Return `num_slots` frames at the image's centre, unscaled and unrotated."""
    return Frame(
        position=jnp.zeros((num_slots, 2), dtype),
        scale=jnp.ones((num_slots, 2), dtype),
        rotation=jnp.tile(jnp.eye(2, dtype=dtype), (num_slots, 1, 1)),
    )
