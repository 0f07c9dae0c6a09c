"""Procedural Tetrominoes, pixel for pixel in the style of the release.

Three pieces on black, 35×35 pixels, at arbitrary pixel offsets, never overlapping. The release
(multi_object_datasets, Kabra et al. 2019) documents 17 shapes; a tetromino has 19 orientations,
and all of them occur here. Shapes, colours and offsets are uniform.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Int, PRNGKeyArray, UInt8, UInt32

from .settings import default_settings, scene_key
from .world import Drawn, pose

IMAGE_SIZE = 35
CELL = 5
NUM_PIECES = 3
CELLS_PER_PIECE = 4
COLOURS = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.uint8
)  # red, green, blue, yellow, magenta, cyan
BEVEL = np.array(
    [
        [191, 255, 255, 255, 223],
        [127, 159, 159, 159, 191],
        [127, 159, 159, 159, 191],
        [127, 159, 159, 159, 191],
        [95, 63, 63, 63, 127],
    ],
    np.uint8,
)
ONE_SIDED = ("####", "##/##", "###/.#.", ".##/##.", "##./.##", "###/#..", "###/..#")


def _orientations() -> np.ndarray:
    """Return the (row, column) of the four cells of each fixed tetromino: (19, 4, 2)."""
    found = {}
    for drawing in ONE_SIDED:
        piece = np.array([[mark == "#" for mark in row] for row in drawing.split("/")])
        for turns in range(4):
            cells = np.argwhere(np.rot90(piece, turns)).astype(np.int32)
            found[cells.tobytes()] = cells
    return np.stack(list(found.values()))


SHAPES = _orientations()


def draw_scene(key: PRNGKeyArray) -> Drawn:
    """Draw a scene: label 0 for the background, 1 to 3 for the pieces."""
    shape_key, colour_key, offset_key = jr.split(key, 3)
    cells = jnp.asarray(SHAPES)[jr.randint(shape_key, (NUM_PIECES,), 0, len(SHAPES))]
    colours = jnp.asarray(COLOURS)[jr.randint(colour_key, (NUM_PIECES,), 0, len(COLOURS))]
    image, labels = _draw(_place(offset_key, cells), colours)
    pieces = jnp.arange(1 + NUM_PIECES, dtype=jnp.uint8)[:, None, None]
    return Drawn(image, labels, pose(labels[None] == pieces))


def _place(key: PRNGKeyArray, cells: Int[Array, "p c 2"]) -> Int[Array, "p c 2"]:
    """Draw offsets until no two pieces overlap; return the top left pixels of the cells."""
    room = IMAGE_SIZE - CELL * (cells.max(axis=1) + 1) + 1

    def draw(
        carry: tuple[PRNGKeyArray, Int[Array, "p c 2"]],
    ) -> tuple[PRNGKeyArray, Int[Array, "p c 2"]]:
        key, draw_key = jr.split(carry[0])
        offsets = jr.randint(draw_key, room.shape, 0, room)
        return key, CELL * cells + offsets[:, None]

    return jax.lax.while_loop(lambda carry: _overlap(carry[1]), draw, draw((key, cells)))[1]


def _overlap(corners: Int[Array, "p c 2"]) -> Bool[Array, ""]:
    """Return whether any two pieces share a pixel."""
    flat = corners.reshape(-1, 2)
    near = jnp.all(jnp.abs(flat[:, None] - flat[None]) < CELL, axis=-1)
    piece = np.repeat(np.arange(NUM_PIECES), CELLS_PER_PIECE)
    return jnp.any(near & (piece[:, None] != piece[None]))


def _draw(
    corners: Int[Array, "p c 2"], colours: UInt8[Array, "p 3"]
) -> tuple[UInt8[Array, "35 35 3"], UInt8[Array, "35 35"]]:
    top, left = corners.reshape(-1, 2, 1, 1).swapaxes(0, 1)
    rows = top + np.arange(CELL, dtype=np.int32)[None, :, None]
    columns = left + np.arange(CELL, dtype=np.int32)[None, None]
    painted = BEVEL[None, :, :, None] * jnp.repeat(colours, CELLS_PER_PIECE, axis=0)[:, None, None]
    names = np.repeat(np.arange(1, NUM_PIECES + 1, dtype=np.uint8), CELLS_PER_PIECE)
    image = jnp.zeros((IMAGE_SIZE, IMAGE_SIZE, 3), jnp.uint8).at[rows, columns].set(painted)
    label = jnp.zeros((IMAGE_SIZE, IMAGE_SIZE), jnp.uint8)
    return image, label.at[rows, columns].set(names[:, None, None])


def colour_and_shape(
    image: UInt8[np.ndarray, "35 35 3"], mask: Bool[np.ndarray, "35 35"]
) -> tuple[int, int]:
    """Return the colour of a piece, a row of `COLOURS`, and its shape, a row of `SHAPES`.

    - `mask`: its pixels, all of which are seen.

    Raises a `ValueError` if they are no tetromino.
    """
    seen, (rows, columns) = image[mask].max(axis=0) > 0, np.nonzero(mask)
    corners = np.stack([rows, columns], axis=1) - (rows.min(), columns.min())
    cells = np.unique(corners // CELL, axis=0)
    colour = np.flatnonzero((seen == COLOURS.astype(bool)).all(axis=1))
    shape = np.flatnonzero([np.array_equal(cells, known) for known in SHAPES])
    if len(rows) != CELLS_PER_PIECE * CELL**2 or not len(colour) or not len(shape):
        raise ValueError("wanted a tetromino of one colour, all of which is seen.")
    return int(colour[0]), int(shape[0])


def draw(seed: int, split: int, indices: UInt32[Array, " b"]) -> Drawn:
    """Draw scenes; each depends only on seed, split and its own index, not on JAX's settings."""
    with default_settings():
        return _draw_all(scene_key(seed, split), indices)


@jax.jit
def _draw_all(key: PRNGKeyArray, indices: UInt32[Array, " b"]) -> Drawn:
    return jax.vmap(lambda index: draw_scene(jr.fold_in(key, index)))(indices)
