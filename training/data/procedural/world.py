"""From a world to images, label maps and poses."""

import dataclasses
import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, PRNGKeyArray, UInt8, UInt32

from isa_eqx import Frame, coordinates
from isa_eqx.symmetries import SYMMETRIES

from . import raycast
from .scene import Scene
from .settings import default_settings, scene_key


class Drawn(eqx.Module):
    """Scenes, or one scene without b.

    - `images`, `labels`: pixels, and the label of the object of each.
    - `poses`: a frame for each label, see `pose`. Those of labels without an object, and of things
      that go on beyond the image, mean nothing.
    """

    images: UInt8[Array, "*b h w 3"]
    labels: UInt8[Array, "*b h w"]
    poses: Frame


def pose(masks: Bool[Array, "k h w"]) -> Frame:
    """Return position, scale and rotation of silhouettes, in grid units.

    They are mean, spread and principal axes, as ISA-TSR takes a frame from an attention map.
    """
    count, height, width = masks.shape
    weights = masks.reshape(count, -1).astype(jnp.float32)
    weights /= jnp.maximum(weights.sum(axis=1, keepdims=True), 1)
    return SYMMETRIES["isa-tsr"]().estimate(weights, coordinates(height, width))


@dataclasses.dataclass(frozen=True)
class World:
    """Ray-cast scenes.

    - `make`: function from a key to a scene.
    - `size`: height and width of images.
    - `num_labels`: labels are 0 … num_labels - 1.
    - `background`: the first so many labels are no objects.
    - `min_share`: share of the pixels below which an object is left out.
    """

    make: Callable[[PRNGKeyArray], Scene]
    size: tuple[int, int]
    num_labels: int
    background: int = 1
    min_share: float = 0.0

    def draw(
        self,
        seed: int,
        split: int,
        indices: UInt32[Array, " b"],
        size: tuple[int, int] | None = None,
    ) -> Drawn:
        """Draw scenes; each depends only on the world, seed, split and its own index.

        Not on JAX's settings either, such as `jax_enable_x64` or `jax_default_prng_impl`.

        - `size`: height and width of the images, by default those of the world.
        """
        world = dataclasses.replace(self, size=size or self.size)
        with default_settings():
            return world._draw(scene_key(seed, split), indices)

    @functools.partial(jax.jit, static_argnames="self")
    def _draw(self, key: PRNGKeyArray, indices: UInt32[Array, " b"]) -> Drawn:
        # One after another, so that a solid's shape is a branch: all at once would compute every
        # shape for every solid.
        return jax.lax.map(lambda index: self.draw_one(jr.fold_in(key, index)), indices)

    def draw_one(self, key: PRNGKeyArray) -> Drawn:
        """Draw a scene."""
        height, width = self.size
        scene = self._without_hidden(self.make(key))
        masks = raycast.silhouettes(scene, height, width, self.num_labels)
        return Drawn(
            raycast.image(scene, height, width),
            raycast.labels(scene, height, width),
            pose(masks),
        )

    def _without_hidden(self, scene: Scene) -> Scene:
        """Leave out the objects of which too little is seen, in an image of half the size."""
        height, width = self.size[0] // 2, self.size[1] // 2
        seen = raycast.labels(scene, height, width).reshape(-1)
        share = jnp.bincount(seen, length=self.num_labels) / (height * width)
        solids = scene.solids
        is_kept = (share[solids.label] >= self.min_share) | (solids.label < self.background)
        solids = dataclasses.replace(solids, shape=jnp.where(is_kept, solids.shape, 0))
        return dataclasses.replace(scene, solids=solids)
