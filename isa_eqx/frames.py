"""Frames of reference: where an object is, how large and how turned."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float

from .grid import rotated, rotation_matrix


class Frame(eqx.Module):
    """Where each slot's object is; what a symmetry does not use stays at the identity.

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
        shift: Sequence[float] | Float[Array, "... 2"] = (0.0, 0.0),
        scale: float | Sequence[float] | Float[Array, "... 2"] = 1.0,
        angle: float | Float[Array, "..."] = 0.0,
    ) -> "Frame":
        """These frames after the plane has been scaled, then turned, then shifted.

        - `shift`: (y, x), in grid units.
        - `scale`: factors, one or two along (y, x), away from the image's centre.
        - `angle`: in radians from x towards y, around the image's centre.

        Each is one for all frames or has one entry per frame. Decode with the moved frames, and
        the same objects are there. A frame's axes stay at right angles, so unequal factors are
        exact only where nothing is turned.
        """
        dtype, shape = self.position.dtype, self.position.shape
        turn = rotation_matrix(jnp.broadcast_to(jnp.asarray(angle, dtype), shape[:-1]))
        factor = jnp.broadcast_to(jnp.asarray(scale, dtype), shape)
        there = rotated((factor * self.position)[..., None, :], jnp.swapaxes(turn, -2, -1))
        return Frame(
            position=there[..., 0, :] + jnp.broadcast_to(jnp.asarray(shift, dtype), shape),
            scale=factor * self.scale,
            rotation=jnp.matmul(turn, self.rotation, precision="highest"),
        )


def identity(num_slots: int, dtype: DTypeLike = jnp.float32) -> Frame:
    """`num_slots` frames at the image's centre, unscaled and unrotated."""
    return Frame(
        position=jnp.zeros((num_slots, 2), dtype),
        scale=jnp.ones((num_slots, 2), dtype),
        rotation=jnp.tile(jnp.eye(2, dtype=dtype), (num_slots, 1, 1)),
    )
