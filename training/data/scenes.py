"""Images and scenes in memory, and shuffled batches of them without end."""

import dataclasses
import functools
from collections.abc import Generator
from typing import Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float16, Int, UInt8

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


class FeatureMaps(eqx.Module):
    """What a frozen backbone makes of images, with 16 bits a number, in memory or in a file."""

    vectors: Float16[Array | np.ndarray, "n y x c"]

    def floats(self) -> Float[Array, "n y x c"]:
        """Return the features in float32."""
        return jnp.asarray(self.vectors, jnp.float32)

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, chosen: slice | Int[np.ndarray, " b"]) -> "FeatureMaps":
        return FeatureMaps(self.vectors[chosen])


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Images, and their label maps in the model's size.

    - `labels`: `None` of the user's own images without label maps.
    - `poses`: of procedural scenes, a frame for each label, see `procedural.world.Drawn`.
    - `features`: of the images, where they have been computed.
    """

    images: Images
    labels: UInt8[np.ndarray, "n h w"] | None
    poses: Frame | None = None
    features: FeatureMaps | None = None

    @property
    def seen(self) -> "Batch":
        """What a model is given: features where they have been computed, else the images."""
        return self.images if self.features is None else self.features

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: slice | Int[np.ndarray, " b"]) -> "Scenes":
        poses = jax.tree.map(lambda array: array[chosen], self.poses)
        labels = None if self.labels is None else self.labels[chosen]
        features = None if self.features is None else self.features[chosen]
        return Scenes(self.images[chosen], labels, poses, features)


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


Batch = Images | FeatureMaps
Batches = Generator[Batch, None, None]


Kind = TypeVar("Kind", bound=Batch, covariant=True)


@runtime_checkable
class Indexed(Protocol[Kind]):
    """What batches are taken from: images or features, or those that are not all there yet."""

    def __len__(self) -> int: ...

    def __getitem__(self, chosen: Int[np.ndarray, " b"], /) -> Kind: ...


def shuffled_batches(images: Indexed[Kind], place: Place) -> Generator[Kind, None, None]:
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
