"""Ground truth: what objects are and where, read from images and label maps."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from ..data import Scenes, colour_and_shape, dataset, pose

Attributes = dict[str, np.ndarray]  # of every image and label


def attributes(scenes: Scenes, name: str) -> Attributes:
    """Return attributes of what is seen of each object, by name. Labels without one mean nothing.

    - `position`: (n, i, 2), the mean (y, x) of its pixels, in grid units.
    - `colour`: (n, i, 3), their mean; of Tetrominoes a class, (n, i).
    - `shape`: (n, i), a class, of Tetrominoes alone: which of the 19 fixed tetrominoes it is.

    - `scenes`: of Tetrominoes, in their own size.

    Raises a `ValueError` for scenes without label maps.
    """
    if scenes.labels is None:
        raise ValueError("wanted scenes with label maps, to know their objects by.")
    spec, resize = dataset(name), scenes.images.resize

    def see(
        scene: tuple[UInt8[Array, "p q 3"], UInt8[Array, "h w"]],
    ) -> tuple[Float[Array, "i 3"], Float[Array, "i 2"]]:
        image, labels = resize.weigh(scene[0].astype(jnp.float32) / 255), scene[1]
        masks = labels[None] == jnp.arange(spec.num_labels, dtype=labels.dtype)[:, None, None]
        sums = jnp.einsum("ihw,hwc->ic", masks.astype(jnp.float32), image)
        sizes = jnp.maximum(masks.sum(axis=(1, 2)), 1).astype(jnp.float32)
        return sums / sizes[:, None], pose(masks).position

    images, labels = scenes.images.pixels, scenes.labels
    colour, position = jax.device_get(jax.jit(lambda x: jax.lax.map(see, x))((images, labels)))
    if name != "tetrominoes":
        return dict(position=position, colour=colour)
    classes = np.zeros((2, *colour.shape[:2]), np.int32)
    for row, (image, label_map) in enumerate(zip(np.asarray(images), labels, strict=True)):
        for label in np.setdiff1d(label_map, spec.background):
            classes[:, row, label] = colour_and_shape(image, label_map == label)
    return dict(position=position, colour=classes[0], shape=classes[1])
