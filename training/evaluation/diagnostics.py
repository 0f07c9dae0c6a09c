"""How a model uses its slots: whether they bind to objects, or divide the image otherwise."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from isa_eqx import coordinates
from isa_eqx.metrics import adjusted_rand_index

USED = 0.01  # share of an image's pixels from which a slot counts as used in it
DEAD = 0.001  # share of all pixels below which a slot counts as dead
TILING = 0.6
MERGED = 0.5
Segmentations = Int[np.ndarray, "n h w"]


def diagnose(
    segmentations: Segmentations,
    num_slots: int,
    labels: UInt8[np.ndarray, "n h w"] | None,
    background: tuple[int, ...],
) -> dict[str, float]:
    """Return measures of the segmentations of a model, the slot of each pixel of some images.

    - `slots_used`: slots that have a hundredth of an image or more, on average over images.
    - `dead_slots`: slots that have less than a thousandth of all pixels.
    - `largest_share`: share of an image that its largest slot has, on average.
    - `centre_spread`: how far a slot's centre is from its mean over all images, root mean square,
      in units of the grid: near 0 if slots stand for places.
    - `tiling`: ARI of the segmentation and of one that gives each pixel to the slot with the
      nearest centre, on average: near 1 if slots divide the image into tiles, whatever is there.
    - `merged`: share of the pixels of objects that are in the slot with most of the background;
      absent without labels of a background.
    """
    owned = segmentations[..., None] == np.arange(num_slots)
    shares = owned.mean(axis=(1, 2))
    centres, is_there = _centres(owned), shares > 0
    measures = {
        "slots_used": float((shares >= USED).sum(axis=1).mean()),
        "dead_slots": float((shares.mean(axis=0) < DEAD).sum()),
        "largest_share": float(shares.max(axis=1).mean()),
        "centre_spread": _spread(centres, shares >= USED),
        "tiling": _tiling(segmentations, centres, is_there),
    }
    behind = np.isin(labels, background) if labels is not None else np.zeros(0, bool)
    if background and behind.any():
        measures["merged"] = _merged(owned, behind)
    return measures


def warning(measures: dict[str, float]) -> str | None:
    """Return a sentence on slots that do not bind to objects, `None` if they seem to."""
    if measures["tiling"] > TILING:
        return (
            f"The slots divide the image into tiles ({measures['tiling']:.2f} of 1), "
            "whatever is there: they do not bind to objects."
        )
    if measures.get("merged", 0) > MERGED:
        return (
            f"One slot holds the background and {measures['merged']:.0%} of the objects as well: "
            "the slots do not bind to objects."
        )
    return None


def _centres(owned: Bool[np.ndarray, "n h w k"]) -> Float[np.ndarray, "n k 2"]:
    """Return the centre (y, x) of each slot's pixels, 0 of a slot without any."""
    images, height, width, slots = owned.shape
    grid = np.asarray(coordinates(height, width, jnp.float32))
    sums = np.einsum("npk,pd->nkd", owned.reshape(images, -1, slots).astype(np.float32), grid)
    return sums / np.maximum(owned.sum(axis=(1, 2)), 1)[..., None]


def _spread(centres: Float[np.ndarray, "n k 2"], used: Bool[np.ndarray, "n k"]) -> float:
    """Return the root mean square distance of the centres of a slot from their mean, over slots."""
    count = np.maximum(used.sum(axis=0), 1)[:, None]
    means = (centres * used[..., None]).sum(axis=0) / count
    squared = np.square(centres - means).sum(axis=-1)
    return float(np.sqrt((squared * used).sum() / max(used.sum(), 1)))


def _tiling(
    segmentations: Segmentations,
    centres: Float[np.ndarray, "n k 2"],
    is_there: Bool[np.ndarray, "n k"],
) -> float:
    """Return the mean ARI of the segmentations and of the tiles around their slots' centres."""
    _, height, width = segmentations.shape
    grid = np.asarray(coordinates(height, width, jnp.float32))
    squared = np.square(grid[None, :, None] - centres[:, None]).sum(axis=-1)
    tiles = np.where(is_there[:, None], squared, np.inf).argmin(axis=-1)
    tiles, slots = tiles.reshape(segmentations.shape), centres.shape[1]
    same = adjusted_rand_index(
        jnp.asarray(segmentations, jnp.int32), jnp.asarray(tiles, jnp.int32), slots, slots
    )
    several = is_there.sum(axis=1) > 1  # one slot that has all is no tiling
    return float(np.where(several, same, 0).mean())


def _merged(owned: Bool[np.ndarray, "n h w k"], behind: Bool[np.ndarray, "n h w"]) -> float:
    """Return the share of objects' pixels that are in the slot with most of the background."""
    slot = (owned & behind[..., None]).sum(axis=(1, 2)).argmax(axis=1)
    with_it = np.take_along_axis(owned, slot[:, None, None, None], axis=3)[..., 0]
    return float((with_it & ~behind).sum() / max((~behind).sum(), 1))
