"""Images and scenes in memory, and shuffled batches of them without end."""

import dataclasses
import functools
from collections.abc import Generator
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from isa_eqx import Frame

from .resize import Resize


class Images(eqx.Module):
    """Images with 8 bits a channel, which are resized to floats on the device."""

    pixels: UInt8[Array | np.ndarray, "n p q 3"]
    resize: Resize = eqx.field(static=True)

    def floats(self) -> Float[Array, "n h w 3"]:
        """Return the images in [0, 1], in the model's size."""
        return jax.vmap(self.resize.weigh)(jnp.asarray(self.pixels, jnp.float32) / 255)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, chosen: slice | Int[np.ndarray, " b"]) -> "Images":
        return Images(self.pixels[chosen], self.resize)


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Images, and their label maps in the model's size.

    - `labels`: `None` of the user's own images without label maps.
    - `poses`: of procedural scenes, a frame for each label, see `procedural.world.Drawn`.
    """

    images: Images
    labels: UInt8[np.ndarray, "n h w"] | None
    poses: Frame | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: slice | Int[np.ndarray, " b"]) -> "Scenes":
        poses = jax.tree.map(lambda array: array[chosen], self.poses)
        labels = None if self.labels is None else self.labels[chosen]
        return Scenes(self.images[chosen], labels, poses)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a stream of batches starts, and which host it is for.

    Attributes:
        batch_size: Images in a batch, of all hosts together.
        step: Batches that came before.
        seed: Of the order.
        host: Number of this host, from 0.
        hosts: Their number, which divides `batch_size`.
    """

    batch_size: int
    step: int = 0
    seed: int = 0
    host: int = 0
    hosts: int = 1

    @property
    def part(self) -> slice:
        """The part of a batch that is this host's."""
        size = self.batch_size // self.hosts
        return slice(self.host * size, (self.host + 1) * size)


Batches = Generator[Images, None, None]


@runtime_checkable
class IndexedImages(Protocol):
    """What batches are taken from: `Images`, or those that are not all there yet."""

    def __len__(self) -> int: ...

    def __getitem__(self, chosen: Int[np.ndarray, " b"], /) -> Images: ...


def shuffled_batches(images: IndexedImages, place: Place) -> Batches:
    """Iterate over shuffled batches without end, of which a host gets its part.

    Every epoch has every image once, in an order that depends only on the seed and the epoch. A
    batch may begin in one epoch and end in the next.
    """
    count = len(images)
    numbers = np.arange(place.batch_size) + place.step * place.batch_size
    while True:
        epochs, rows = np.divmod(numbers, count)
        orders = [_order(place.seed, int(e), count)[rows[epochs == e]] for e in np.unique(epochs)]
        yield images[np.concatenate(orders)[place.part]]
        numbers += place.batch_size


def image_order(count: int, place: Place) -> Int[np.ndarray, " n"]:
    """Return the order in which the batches of `shuffled_batches` first have each image."""
    epoch, row = divmod(place.step * place.batch_size, count)
    return np.roll(_order(place.seed, epoch, count), -row)


@functools.lru_cache(maxsize=2)  # a batch may touch two epochs
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(count)
