"""What a scene is made of: solids with materials, lights, and a camera."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from . import shapes, textures
from .camera import Camera, unit

Values = ArrayLike | tuple[float, ...]


class Solids(eqx.Module):
    """Solids, of which an object may have several.

    - `shape`: of `shapes.NUMBERS`; 0 for a solid that is not there.
    - `centre`, `rotation`, `size`: the point p of a unit solid is at centre + rotation (size · p).
    - `label`: of its object in the label map.
    - `colour`, `second`: the colours that its texture mixes, in [0, 1].
    - `texture`: of `textures.NUMBERS`; `frequency`: periods of its pattern per unit of length.
    - `metal`: from 0 for a matt solid to 1 for one that mirrors its surroundings.
    """

    shape: Int[Array, " p"]
    centre: Float[Array, "p 3"]
    rotation: Float[Array, "p 3 3"]
    size: Float[Array, "p 3"]
    label: Int[Array, " p"]
    colour: Float[Array, "p 3"]
    second: Float[Array, "p 3"]
    texture: Int[Array, " p"]
    frequency: Float[Array, " p"]
    metal: Float[Array, " p"]

    def reach(self) -> Float[Array, " p"]:
        """Return the radii of spheres around the centres that the solids lie in.

        Infinite for planes, and minus infinity for solids that are not there.
        """
        radius = jnp.linalg.norm(self.size, axis=1)
        radius = jnp.where(self.shape == shapes.NUMBERS["plane"], jnp.inf, radius)
        return jnp.where(self.shape == shapes.NUMBERS["nothing"], -jnp.inf, radius)


class Lights(eqx.Module):
    """A light that casts shadows, a second one that casts none, and light from all around.

    - `directions`: unit vectors towards both lights, which are far away; `strengths`: theirs.
    - `ambient`: the strength of light from all around.
    - `horizon`, `sky`: colours of the surroundings, level and straight up.
    """

    directions: Float[Array, "2 3"]
    strengths: Float[Array, "2"]
    ambient: Float[Array, ""]
    horizon: Float[Array, "3"]
    sky: Float[Array, "3"]


class Scene(eqx.Module):
    """Solids, lights and a camera."""

    solids: Solids
    lights: Lights
    camera: Camera


def make_solids(
    shape: str | Int[Array, " p"],
    centre: Float[Array, "p 3"],
    size: Float[Array, "p 3"],
    *,
    label: Int[Array, " p"] | int,
    colour: Values,
    second: Values | None = None,
    texture: str | Int[Array, " p"] = "plain",
    frequency: Values = 1.0,
    metal: Values = 0.0,
    angle: Values = 0.0,
) -> Solids:
    """Make solids; what is given once is the same for all of them.

    - `shape`, `texture`: a name, or numbers.
    - `angle`: of a turn around the z axis, in radians.
    - `second`: by default `colour`.
    """
    count = len(centre)

    def each(values: Values, *shape: int, dtype: type = jnp.float32) -> Array:
        return jnp.broadcast_to(jnp.asarray(values, dtype), (count, *shape))

    return Solids(
        shape=each(shapes.NUMBERS[shape] if isinstance(shape, str) else shape, dtype=jnp.int32),
        centre=centre,
        rotation=about_z(each(angle)),
        size=size,
        label=each(label, dtype=jnp.int32),
        colour=each(colour, 3),
        second=each(colour if second is None else second, 3),
        texture=each(
            textures.NUMBERS[texture] if isinstance(texture, str) else texture, dtype=jnp.int32
        ),
        frequency=each(frequency),
        metal=each(metal),
    )


def make_ground(colour: Values, *, label: int = 0, **looks: Any) -> Solids:
    """Make the plane z = 0; `looks` as of `make_solids`."""
    nowhere, unit_size = jnp.zeros((1, 3)), jnp.ones((1, 3))
    return make_solids("plane", nowhere, unit_size, label=label, colour=colour, **looks)


def make_lights(
    towards: Sequence[Sequence[float]],
    jitter: float,
    *,
    strengths: tuple[float, float],
    ambient: float,
    horizon: Sequence[float],
    sky: Sequence[float],
    key: PRNGKeyArray,
) -> Lights:
    """Make lights; see `Lights`.

    - `towards`: vectors to both, of any length, to each part of which up to `jitter` is added.
    """
    vectors = jnp.asarray(towards, jnp.float32)
    vectors += jr.uniform(key, vectors.shape, minval=-jitter, maxval=jitter)
    return Lights(
        directions=unit(vectors.T).T,
        strengths=jnp.array(strengths),
        ambient=jnp.array(ambient),
        horizon=jnp.array(horizon),
        sky=jnp.array(sky),
    )


def together(*parts: Solids) -> Solids:
    """Return the solids of all parts."""
    return jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *parts)


def about_z(angle: Float[Array, "*p"]) -> Float[Array, "*p 3 3"]:
    """Return the matrices of turns around the z axis, by angles in radians."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    zero, one = jnp.zeros_like(angle), jnp.ones_like(angle)
    rows = [[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]]
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)
