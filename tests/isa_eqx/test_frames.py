"""Frames: where masks are, how far they reach, how they lie; and slopes that are finite."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from isa_eqx import Frame, coordinates
from isa_eqx.frames import identity
from isa_eqx.grid import principal_angle, rotation_matrix
from isa_eqx.symmetries import SYMMETRIES

SIZE = 17
GRID = coordinates(SIZE, SIZE)
DEGREE = np.pi / 180


def blob(angle=0.0, long=0.3, short=0.1, centre=(0.1, -0.2)):
    """A Gaussian mask with sum one, its long axis turned from x towards y by an angle."""
    y, x = (GRID - jnp.asarray(centre)[None]).T
    along, across = x * jnp.cos(angle) + y * jnp.sin(angle), y * jnp.cos(angle) - x * jnp.sin(angle)
    return jax.nn.softmax(-(jnp.square(along / long) + jnp.square(across / short)) / 2)


def angle_of(mask):
    weights = mask[None]
    centre = (weights @ GRID)[:, None]
    return float(principal_angle(weights, GRID[None] - centre)[0]) / DEGREE


@pytest.mark.parametrize("angle", [-44, -30, -1, 0, 1, 30, 44])
def test_the_axes_are_the_blobs(angle):
    assert angle_of(blob(angle * DEGREE)) == pytest.approx(angle, abs=0.1)


@pytest.mark.parametrize(("angle", "seen"), [(46, -44), (90, 0), (135, -45), (-60, 30)])
def test_an_axis_beyond_45_degrees_is_the_other_one(angle, seen):
    assert angle_of(blob(angle * DEGREE)) == pytest.approx(seen, abs=0.1)


def masks():
    """Masks on which formulas for axes fail, by name."""
    y, x = GRID.T
    flat = {
        "all equal": jnp.ones_like(x),
        "single pixel": (jnp.abs(x) + jnp.abs(y) < 0.01).astype(x.dtype),
        "corner": (x + y > 1.99).astype(x.dtype),
        "round": (x * x + y * y < 0.5).astype(x.dtype),
        "horizontal": (jnp.abs(y) < 0.01).astype(x.dtype),
        "vertical": (jnp.abs(x) < 0.01).astype(x.dtype),
        "diagonal": (jnp.abs(x - y) < 0.01).astype(x.dtype),
        "other diagonal": (jnp.abs(x + y) < 0.01).astype(x.dtype),
    }
    return {n: m / m.sum() for n, m in flat.items()} | {"empty": jnp.zeros_like(x)}


@pytest.mark.parametrize(
    ("name", "angle"),
    [("all equal", 0), ("single pixel", 0), ("round", 0), ("horizontal", 0), ("vertical", 0)]
    + [("diagonal", 45), ("other diagonal", -45), ("empty", 0), ("corner", 0)],
)
def test_the_published_frame_of_masks_with_ties(name, angle):
    assert angle_of(masks()[name]) == pytest.approx(angle, abs=1e-3)


def test_it_is_the_published_frame_of_any_mask():
    """The eigenvectors' formula as the published code writes it, in float64 for its digits."""
    weights = jax.nn.softmax(3 * jr.normal(jr.key(0), (500, SIZE * SIZE)), axis=1)
    relative = np.asarray(GRID[None] - (weights @ GRID)[:, None], np.float64)
    y, x = relative[..., 0], relative[..., 1]
    w = np.asarray(weights, np.float64)
    xx, xy, yy = (w * x * x).sum(1), (w * x * y).sum(1), (w * y * y).sum(1)
    root = np.sqrt(4 * xy**2 + (xx - yy) ** 2)
    first = np.stack([((xx + yy + root) / 2 - yy) / xy, np.ones(500)], axis=1)
    second = np.stack([((xx + yy - root) / 2 - yy) / xy, np.ones(500)], axis=1)
    first, second = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (first, second))
    upright = np.abs(first[:, :1]) < 0.707
    first, second = np.where(upright, second, first), np.where(upright, first, second)
    first = np.where(first[:, :1] < 0, -first, first)
    published = np.stack([first, second], axis=-1)
    ours = rotation_matrix(principal_angle(weights, jnp.asarray(relative, jnp.float32)))
    # Float32 knows a covariance of up to 0.8 to 5e-8, an axis to that over the difference of the
    # principal variances, which is 0.0025 or more here.
    np.testing.assert_allclose(ours, published, atol=2e-5)
    assert root.min() > 0.0025 and xx.max() < 0.81


def test_scales_are_the_spreads_along_the_axes_and_do_not_turn():
    kind = SYMMETRIES["isa-tsr"]()
    for angle in (0.0, 0.5):
        frames = kind.estimate(blob(angle, 0.2, 0.1)[None], GRID)
        np.testing.assert_allclose(frames.scale[0], [0.1, 0.2], rtol=0.02)


@pytest.mark.parametrize("variant", ["isa-ts", "isa-tsr"])
def test_initial_frames_are_drawn_as_published_and_independently(variant):
    frames = SYMMETRIES[variant]().initial(20_000, jnp.float32, key=jr.key(0))
    position, scale = np.asarray(frames.position), np.asarray(frames.scale)
    assert np.abs(position).max() <= 1 and position.std() == pytest.approx(3**-0.5, rel=0.02)
    assert np.median(scale) == pytest.approx(0.1, rel=0.02)
    assert scale.min() == pytest.approx(0.001) and scale.max() < 2
    assert np.abs(np.corrcoef(position.T, scale.T)[:2, 2:]).max() < 0.03
    angle = np.arctan2(frames.rotation[:, 1, 0], frames.rotation[:, 0, 0]) / DEGREE
    if variant == "isa-tsr":
        assert np.abs(angle).max() <= 45.001 and angle.std() == pytest.approx(
            90 * 12**-0.5, rel=0.02
        )
    else:
        np.testing.assert_array_equal(angle, 0)


def test_a_frame_sees_its_own_axes_and_unit():
    frame = Frame(
        position=jnp.array([[0.5, -0.25]]),
        scale=jnp.array([[0.1, 0.2]]),
        rotation=rotation_matrix(jnp.array([30 * DEGREE])),
    )
    along_x = np.array([np.sin(30 * DEGREE), np.cos(30 * DEGREE)])  # (y, x) of the frame's x axis
    points = jnp.asarray([[0.5, -0.25], [0.5, -0.25] + 0.4 * along_x], jnp.float32)
    seen = SYMMETRIES["isa-tsr"]().relative(frame, points)
    np.testing.assert_allclose(seen[0], [[0, 0], [0, 0.4 / (5 * 0.2)]], atol=1e-6)
    unrotated = eqx.tree_at(lambda f: f.rotation, frame, jnp.eye(2)[None])
    np.testing.assert_allclose(
        SYMMETRIES["isa-ts"]().relative(frame, points),
        SYMMETRIES["isa-tsr"]().relative(unrotated, points),
        atol=1e-6,
    )


# Of 16 cells, as the checkpoints in the layout of the release store it.
STORED = """-1 -0.8666667 -0.73333335 -0.59999996 -0.46666667 -0.33333328 -0.19999994 -0.06666661
0.06666672 0.20000005 0.33333337 0.46666673 0.60000014 0.73333347 0.8666668 1"""


def test_the_grid_is_the_published_one_to_the_bit_in_every_precision():
    stored = np.array(STORED.split(), np.float32)
    np.testing.assert_array_equal(coordinates(16, 1)[:, 0], stored)
    np.testing.assert_array_equal(coordinates(1, 16)[:, 1], stored)
    with jax.enable_x64(True):
        np.testing.assert_array_equal(coordinates(16, 1, jnp.float64)[:, 0], stored)


def test_a_grid_of_any_size_runs_evenly_from_corner_to_corner():
    for size in (2, 14, 35, 128):
        axis = np.asarray(coordinates(size, 1)[:, 0])
        np.testing.assert_allclose(axis, np.linspace(-1, 1, size), atol=2e-7)
        assert axis[0] == -1 and axis[-1] == 1


@pytest.mark.parametrize(
    ("shift", "scale", "angle"),
    [
        ((0, 1), 2, 0),
        ([0.0, 1.0], np.float32(2), 0.0),
        (np.array([0, 1.0]), (2, 2), np.zeros(3)),
        (np.tile([0, 1], (3, 1)), jnp.full((3, 2), 2.0), [0, 0, 0]),
    ],
)
def test_frames_move_by_numbers_of_any_kind(shift, scale, angle):
    moved = identity(3).moved(shift=shift, scale=scale, angle=angle)
    np.testing.assert_array_equal(moved.position, [[0, 1]] * 3)
    np.testing.assert_array_equal(moved.scale, 2 * np.ones((3, 2)))


def test_frames_are_scaled_and_turned_around_any_point():
    """That is: bring the point to the centre, move, and bring it back."""
    rng = np.random.default_rng(0)
    turn = rotation_matrix(jnp.asarray(rng.uniform(-0.7, 0.7, 3), jnp.float32))
    position, scale, point, shift = (jnp.asarray(x, jnp.float32) for x in rng.random((4, 3, 2)))
    frames, movement = Frame(position, scale, turn), dict(scale=1.5, angle=0.4)
    there = frames.moved(**movement, shift=shift, around=point)
    step = frames.moved(shift=-point).moved(**movement).moved(shift=point + shift)
    for ours, theirs in zip(jax.tree.leaves(there), jax.tree.leaves(step), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    in_place = frames.moved(**movement, around=frames.position)
    np.testing.assert_array_equal(in_place.position, frames.position)
    np.testing.assert_array_equal(in_place.scale, 1.5 * frames.scale)


@pytest.mark.parametrize(
    ("movement", "message"),
    [
        ({"around": (1, 2, 3)}, r"around must have shape .*, got \(3,\)"),
        ({"shift": 1}, r"shift must have shape \(2,\) or \(4, 2\), got \(\)"),
        ({"shift": (1,)}, r"shift must have shape .*, got \(1,\)"),
        ({"scale": (1, 2, 3)}, r"scale must have shape \(\) or \(2,\) or \(4, 2\), got \(3,\)"),
        ({"angle": (1, 2)}, r"angle must have shape \(\) or \(4,\), got \(2,\)"),
    ],
)
def test_a_movement_of_another_shape_is_refused(movement, message):
    with pytest.raises(ValueError, match=message):
        identity(4).moved(**movement)
