"""Ray casting: images, label maps and silhouettes of a scene, as pure functions.

Vectors of rays are (3, n), or (3, 1) where all rays share one.
"""

import functools
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped, UInt8

from . import shapes, textures
from .camera import unit
from .scene import Lights, Scene, Solids
from .shapes import Distances, Vectors, dot

OFF = 1e-2  # units by which a shadow ray begins off the surface
MIRROR = 0.55  # share of the surroundings in the colour of a metal
GLOSS = 0.08  # strength of the highlight on a matt solid
SLACK = 1e-2  # units by which a solid that is passed over is farther than it need be
TILES = 32, 16, 8, 4, 2, 1  # sides that a tile may have: the largest that divides the image


def nearest(solids: Solids, origin: Vectors, ray: Vectors) -> tuple[Distances, Int[Array, " n"]]:
    """Return how far each ray goes until it enters a solid, and which; infinity and -1 if none."""
    count = _count(origin, ray)

    def closer(found: tuple[Array, Array], number: Array) -> tuple[Array, Array]:
        distance, which = found
        entered = _entered(solids, number, origin, ray)
        is_closer = entered < distance
        return jnp.where(is_closer, entered, distance), jnp.where(is_closer, number, which)

    return _over_near(
        solids, origin, ray, closer, (jnp.full(count, jnp.inf), jnp.full(count, -1, jnp.int32))
    )


def is_blocked(solids: Solids, origin: Vectors, ray: Vectors) -> Bool[Array, " n"]:
    """Return whether each ray enters a solid."""

    def also(found: Array, number: Array) -> Array:
        return found | (_entered(solids, number, origin, ray) < jnp.inf)

    return _over_near(solids, origin, ray, also, jnp.zeros(_count(origin, ray), bool))


def labels(scene: Scene, height: int, width: int) -> UInt8[Array, "h w"]:
    """Return the label of what the ray through the middle of each pixel enters first, else 0."""

    def of_tile(ray: Float[Array, "3 n"]) -> UInt8[Array, "1 n"]:
        _, which = nearest(scene.solids, scene.camera.position[:, None], ray)
        return jnp.where(which < 0, 0, scene.solids.label[which]).astype(jnp.uint8)[None]

    return _tiled(of_tile, scene, height, width)[0]


def silhouettes(scene: Scene, height: int, width: int, num_labels: int) -> Bool[Array, "k h w"]:
    """Return the pixels of the object of each label, whatever is before it."""
    solids, origin = scene.solids, scene.camera.position[:, None]

    def of_tile(ray: Float[Array, "3 n"]) -> Bool[Array, "k n"]:
        def also(found: Array, number: Array) -> Array:
            is_entered = _entered(solids, number, origin, ray) < jnp.inf
            return found.at[solids.label[number]].max(is_entered)

        return _over_near(solids, origin, ray, also, jnp.zeros((num_labels, ray.shape[1]), bool))

    return _tiled(of_tile, scene, height, width)


def image(scene: Scene, height: int, width: int, samples: int = 2) -> UInt8[Array, "h w 3"]:
    """Return the image of a scene, the colour of a pixel being the mean of samples² rays."""
    fine = _tiled(functools.partial(_colours, scene), scene, samples * height, samples * width)
    colour = fine.reshape(3, height, samples, width, samples).mean(axis=(2, 4))
    return jnp.moveaxis(jnp.round(255 * jnp.clip(colour, 0, 1)).astype(jnp.uint8), 0, -1)


def _tiled(
    of_tile: Callable[[Float[Array, "3 n"]], Shaped[Array, "c n"]],
    scene: Scene,
    height: int,
    width: int,
) -> Shaped[Array, "c h w"]:
    """Return what a function makes of the rays of an image, one square tile after another.

    The rays of a tile fit a CPU's cache, and most of the solids are known to be missed by them all.
    """
    side = next(side for side in TILES if height % side == width % side == 0)
    rays = scene.camera.rays(height, width).reshape(3, height // side, side, width // side, side)
    tiles = rays.transpose(1, 3, 0, 2, 4).reshape(-1, 3, side * side)
    found = jax.lax.map(of_tile, tiles)
    found = found.reshape(height // side, width // side, -1, side, side)
    return found.transpose(2, 0, 3, 1, 4).reshape(-1, height, width)


Found = TypeVar("Found")


def _over_near(
    solids: Solids,
    origin: Vectors,
    ray: Vectors,
    update: Callable[[Found, Int[Array, ""]], Found],
    found: Found,
) -> Found:
    """Update what was found by one solid after another, but for those that no ray can enter.

    All rays lie in a cone around a sphere, and a solid in another sphere: if that lies outside of
    the cone, the solid is missed.
    """
    middle = origin.mean(axis=1, keepdims=True)
    axis = unit(ray.mean(axis=1, keepdims=True))
    spread = jnp.linalg.norm(origin - middle, axis=0).max()
    cos = jnp.clip(dot(axis, ray).min(), -1, 1)
    away = solids.centre.T - middle
    along = dot(away, axis)
    across = jnp.sqrt(jnp.maximum(dot(away, away) - along * along, 0))
    reach = solids.reach() + spread + SLACK
    is_near = across * cos - along * jnp.sqrt(1 - cos * cos) < reach

    def step(found: Found, number: Array) -> tuple[Found, None]:
        return jax.lax.cond(is_near[number], update, lambda found, _: found, found, number), None

    return jax.lax.scan(step, found, jnp.arange(len(solids.shape), dtype=jnp.int32))[0]


def _colours(scene: Scene, ray: Float[Array, "3 n"]) -> Float[Array, "3 n"]:
    """Return the colours that rays from the camera see; above 1 where the light is too bright."""
    solids, lights, origin = scene.solids, scene.lights, scene.camera.position[:, None]
    distance, which = nearest(solids, origin, ray)
    is_hit = which >= 0
    point = origin + jnp.where(is_hit, distance, 0)[None] * ray
    turn, size = solids.rotation[which], solids.size[which].T
    own = _turned(turn.mT, point - solids.centre[which].T)
    normal = unit(_turned(turn, shapes.normals(solids.shape[which], own / size) / size))
    mix = textures.patterns(solids.texture[which], own * solids.frequency[which][None])[None]
    colour = solids.colour[which].T * (1 - mix) + solids.second[which].T * mix
    lit = ~is_blocked(solids, point + OFF * normal, lights.directions[0][:, None])
    metal = solids.metal[which]
    light, shine = lights.ambient * (0.75 + 0.25 * normal[2]), jnp.zeros_like(mix)
    for number, reached in enumerate((lit.astype(jnp.float32), jnp.ones(()))):
        direction, strength = lights.directions[number][:, None], lights.strengths[number] * reached
        light += strength * jnp.maximum(dot(normal, direction), 0)
        glint = jnp.maximum(dot(normal, unit(direction - ray)), 0)
        shine += (strength * (metal * glint**64 + (1 - metal) * GLOSS * glint**16))[None]
    around = surroundings(lights, ray - 2 * dot(ray, normal)[None] * normal)
    mirrored = MIRROR * metal[None]
    shown = (1 - mirrored) * colour * light[None] + mirrored * (0.35 + 0.65 * colour) * around
    return jnp.where(is_hit[None], shown + shine, surroundings(lights, ray))


def surroundings(lights: Lights, direction: Float[Array, "3 n"]) -> Float[Array, "3 n"]:
    """Return the colours of what is infinitely far away."""
    height = jnp.sqrt(jnp.clip(direction[2], 0, 1))[None]
    return lights.horizon[:, None] * (1 - height) + lights.sky[:, None] * height


def _entered(solids: Solids, number: Int[Array, ""], origin: Vectors, ray: Vectors) -> Distances:
    back, size = solids.rotation[number].mT[None], solids.size[number][:, None]
    inside = _turned(back, origin - solids.centre[number][:, None]) / size
    return shapes.enter(solids.shape[number], inside, _turned(back, ray) / size)


def _turned(matrix: Float[Array, "_ 3 3"], vectors: Vectors) -> Vectors:
    """Return products with matrices, one for all vectors or one for each, as sums that fuse."""
    rows = [
        matrix[:, i, 0] * vectors[0] + matrix[:, i, 1] * vectors[1] + matrix[:, i, 2] * vectors[2]
        for i in range(3)
    ]
    return jnp.stack(rows)


def _count(origin: Vectors, ray: Vectors) -> int:
    return max(origin.shape[1], ray.shape[1])
