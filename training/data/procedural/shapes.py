"""Solids of unit size: where a ray enters them, and their normals, in closed form.

All in the solid's own coordinates, (x, y, z) first: (3, n), or (3, 1) for what all rays share.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Vectors = Float[Array, "3 _"]
Distances = Float[Array, " _"]

NEAR = 1e-3  # solids that begin nearer to the origin than this share of a ray are not entered
EDGE = 1e-3  # a point belongs to a face from which rounding keeps it away by less than this


def dot(a: Vectors, b: Vectors) -> Distances:
    """Return the dot products of columns, as a sum that fuses with what comes before and after."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def nothing(origin: Vectors, ray: Vectors) -> Distances:
    """What no ray enters."""
    return jnp.full(jnp.broadcast_shapes(origin[2].shape, ray[2].shape), jnp.inf)


def plane(origin: Vectors, ray: Vectors) -> Distances:
    """The plane z = 0, which is entered from above."""
    return _beyond(-origin[2] * _inverse(ray[2]), ray[2] < 0)


def ellipsoid(origin: Vectors, ray: Vectors) -> Distances:
    """The unit sphere, which sizes along the axes make an ellipsoid."""
    a, b, c = dot(ray, ray), dot(origin, ray), dot(origin, origin) - 1
    root = b * b - a * c
    return _beyond((-b - jnp.sqrt(jnp.maximum(root, 0))) / a, root > 0)


def box(origin: Vectors, ray: Vectors) -> Distances:
    """The cube from -1 to 1."""
    inverse = _inverse(ray)
    one, other = (-1 - origin) * inverse, (1 - origin) * inverse
    enter, leave = jnp.minimum(one, other).max(axis=0), jnp.maximum(one, other).min(axis=0)
    return _beyond(enter, enter < leave)


def cylinder(origin: Vectors, ray: Vectors) -> Distances:
    """The cylinder of radius 1 around the z axis, from z = -1 to 1."""
    a = ray[0] * ray[0] + ray[1] * ray[1]
    b = origin[0] * ray[0] + origin[1] * ray[1]
    root = b * b - a * (origin[0] * origin[0] + origin[1] * origin[1] - 1)
    side = (-b - jnp.sqrt(jnp.maximum(root, 0))) * _inverse(a)
    is_side = (root > 0) & (jnp.abs(origin[2] + side * ray[2]) < 1)
    return jnp.minimum(_beyond(side, is_side), _disc(origin, ray, -jnp.sign(ray[2])))


def cone(origin: Vectors, ray: Vectors) -> Distances:
    """The cone with its apex at z = 1 and a base of radius 1 at z = -1."""
    down = 1 - origin[2]
    a = ray[0] * ray[0] + ray[1] * ray[1] - ray[2] * ray[2] / 4
    b = origin[0] * ray[0] + origin[1] * ray[1] + down * ray[2] / 4
    root = b * b - a * (origin[0] * origin[0] + origin[1] * origin[1] - down * down / 4)
    half, inverse = jnp.sqrt(jnp.maximum(root, 0)), _inverse(a)
    found = _disc(origin, ray, -jnp.ones_like(ray[2]))
    for side in ((-b - half) * inverse, (-b + half) * inverse):
        is_side = (root > 0) & (jnp.abs(origin[2] + side * ray[2]) < 1)
        found = jnp.minimum(found, _beyond(side, is_side))
    return found


def _disc(origin: Vectors, ray: Vectors, height: Distances) -> Distances:
    distance = (height - origin[2]) * _inverse(ray[2])
    x, y = origin[0] + distance * ray[0], origin[1] + distance * ray[1]
    return _beyond(distance, x * x + y * y < 1)


def _beyond(distance: Distances, is_hit: Bool[Array, " _"]) -> Distances:
    return jnp.where(is_hit & (distance > NEAR), distance, jnp.inf)


def _inverse(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return 1 / jnp.where(jnp.abs(x) < 1e-9, 1e-9, x)


SHAPES: dict[str, Callable[[Vectors, Vectors], Distances]] = {
    "nothing": nothing,
    "plane": plane,
    "ellipsoid": ellipsoid,
    "box": box,
    "cylinder": cylinder,
    "cone": cone,
}
NUMBERS = {name: number for number, name in enumerate(SHAPES)}


def enter(shape: Int[Array, ""], origin: Vectors, ray: Vectors) -> Distances:
    """Return the multiple of each ray at which it enters a solid, infinite where it misses it.

    - `shape`: of `NUMBERS`.
    """
    return jax.lax.switch(shape, list(SHAPES.values()), origin, ray)


def normals(shape: Int[Array, " n"], point: Float[Array, "3 n"]) -> Float[Array, "3 n"]:
    """Return outward normals, of any length, at points on the surfaces of solids."""
    x, y, z = point
    none, up = jnp.zeros_like(x), jnp.ones_like(x)
    is_cap, is_base = jnp.abs(z) > 1 - EDGE, z < EDGE - 1
    face = jnp.where(jnp.abs(point) > 1 - EDGE, jnp.sign(point), 0)
    tube = jnp.stack([x, y, none])
    level = jnp.stack([none, none, up])
    slope = jnp.stack([x, y, (1 - z) / 4])
    by_shape = {
        "ellipsoid": point,
        "box": face,
        "cylinder": jnp.where(is_cap[None], jnp.sign(z)[None] * level, tube),
        "cone": jnp.where(is_base[None], -level, slope),
    }
    chosen = [(shape == NUMBERS[name])[None] for name in by_shape]
    return jnp.select(chosen, list(by_shape.values()), level)
