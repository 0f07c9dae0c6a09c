"""What ray casting shows is where solids are, by checks that share no code with it."""

import functools

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from training.data.procedural import raycast, shapes, textures
from training.data.procedural.camera import Camera, window
from training.data.procedural.scene import Lights, Scene, make_solids
from training.data.procedural.world import pose

from ..laws import law

HEIGHT, WIDTH, COUNT = 16, 20, 4
EYE, TARGET, FIELD = np.array([4.0, -3.0, 3.0]), np.array([0.0, 0.0, 0.4]), 0.5
STEPS = np.linspace(0.5, 11, 1500)  # along a ray that is marched along

# Functions of points (x, y, z) that are 0 on the surface of a unit solid, and positive outside.
LEVEL = {
    "plane": lambda p: p[2],
    "ellipsoid": lambda p: np.sqrt(np.square(p).sum(0)) - 1,
    "box": lambda p: np.abs(p).max(0) - 1,
    "cylinder": lambda p: np.maximum(np.hypot(p[0], p[1]), np.abs(p[2])) - 1,
    "cone": lambda p: np.maximum(np.hypot(p[0], p[1]) - (1 - p[2]) / 2, -1 - p[2]),
}
SOLID = [name for name in LEVEL if name != "plane"]


def in_float32(array):
    return jnp.asarray(array, jnp.float32)


@st.composite
def contents(draw: st.DrawFn):
    """Shapes, and a seed of their places, sizes and turns."""
    return [draw(st.sampled_from(SOLID)) for _ in range(COUNT)], draw(st.integers(0, 2**32 - 1))


def solids(content):
    """A plane, and solids on it, in it and in one another."""
    names, rng = ["plane", *content[0]], np.random.default_rng(content[1])
    places = rng.uniform((-2, -2, 0), (2, 2, 1.5), (COUNT + 1, 3)) * (np.arange(5) > 0)[:, None]
    return make_solids(
        jnp.array([shapes.NUMBERS[name] for name in names]),
        in_float32(places),
        in_float32(rng.uniform(0.2, 1, (COUNT + 1, 3))),
        label=jnp.arange(COUNT + 1),
        colour=in_float32(rng.uniform(size=(COUNT + 1, 3))),
        angle=in_float32(rng.uniform(0, 6, COUNT + 1)),
    )


def seen(content, key=(0.0, 0.6, 0.8)):
    """A scene of these solids."""
    lights = Lights(
        directions=jnp.array([key, (-0.6, 0.0, 0.8)]),
        strengths=jnp.array([0.6, 0.2]),
        ambient=jnp.array(0.4),
        horizon=jnp.full(3, 0.7),
        sky=jnp.full(3, 0.9),
    )
    sides = window(FIELD, (HEIGHT, WIDTH), (0, HEIGHT), (0, WIDTH))
    return Scene(content, lights, Camera(in_float32(EYE), in_float32(TARGET), *sides))


def rays():
    """Unit vectors through the middles of pixels, (n, 3)."""
    forward = (TARGET - EYE) / np.linalg.norm(TARGET - EYE)
    right = np.array([forward[1], -forward[0], 0]) / np.hypot(*forward[:2])
    up = np.cross(right, forward)
    x = FIELD * (2 * np.arange(WIDTH) + 1 - WIDTH) / WIDTH
    y = FIELD * (2 * np.arange(HEIGHT) + 1 - HEIGHT) / WIDTH
    found = forward + x[None, :, None] * right - y[:, None, None] * up
    return (found / np.linalg.norm(found, axis=-1, keepdims=True)).reshape(-1, 3)


def insides(content, points):
    """Whether points (3, …) are in each solid."""
    found = []
    for n, number in enumerate(content.shape.tolist()):
        turn, size = np.asarray(content.rotation[n], float), np.asarray(content.size[n], float)
        centre = np.asarray(content.centre[n], float)
        away = points - centre.reshape(3, *(1,) * (points.ndim - 1))
        own = np.einsum("ji,j...->i...", turn, away) / size.reshape(3, *(1,) * (points.ndim - 1))
        found.append(LEVEL[list(shapes.SHAPES)[number]](own) <= 0)
    return np.stack(found)


def march(content):
    """For each solid and pixel the first step in it, and how many steps the ray stays in it."""
    points = EYE[:, None, None] + rays().T[:, :, None] * STEPS
    inside = insides(content, points)
    first = np.where(inside.any(-1), inside.argmax(-1), len(STEPS))
    return first.reshape(-1, HEIGHT, WIDTH), inside.sum(-1).reshape(-1, HEIGHT, WIDTH)


@jax.jit
def drawn(content):
    scene = seen(content)
    masks = raycast.silhouettes(scene, HEIGHT, WIDTH, COUNT + 1)
    return raycast.labels(scene, HEIGHT, WIDTH), masks


@law(content=contents())
def test_a_mask_is_where_its_object_is_entered_first(content):
    """Where steps can tell: a ray that grazes a solid, or enters two at once, may be either."""
    labels, _ = map(np.asarray, drawn(solids(content)))
    first, _ = march(solids(content))
    nearest, second = np.sort(first, axis=0)[:2]
    expected = np.where(nearest == len(STEPS), 0, first.argmin(axis=0))
    # Between two steps lies what the march missed, and the order of what it enters at once.
    missed = np.take_along_axis(first, labels[None].astype(int), axis=0)[0] == len(STEPS)
    assert ((labels == expected) | (second - nearest <= 1) | missed).all()
    assert (labels != expected).mean() < 0.03


@law(content=contents())
def test_a_silhouette_is_what_its_object_hides_alone(content):
    _, masks = map(np.asarray, drawn(solids(content)))
    _, steps = march(solids(content))
    for mask, inside in zip(masks[1:], steps[1:], strict=True):
        assert mask[inside > 1].all()
        assert (mask & (inside == 0)).mean() < 0.01


@pytest.mark.parametrize("shape", SOLID)
def test_normals_are_the_slopes_of_surfaces(shape):
    rng = np.random.default_rng(0)
    origin = in_float32(rng.normal(size=(3, 500)))
    origin = 4 * origin / jnp.linalg.norm(origin, axis=0, keepdims=True)
    ray = in_float32(rng.uniform(-0.6, 0.6, (3, 500))) - origin
    number = jnp.array(shapes.NUMBERS[shape])
    distance = np.asarray(shapes.enter(number, origin, ray))
    is_hit = np.isfinite(distance)
    assert is_hit.sum() > 300
    point = np.asarray(origin + np.where(is_hit, distance, 0)[None] * ray, float)
    normal = np.asarray(shapes.normals(jnp.full(500, number), in_float32(point)), float)
    steps = 1e-3 * np.eye(3)[:, :, None]
    slope = np.stack([LEVEL[shape](point + e) - LEVEL[shape](point - e) for e in steps])
    cosine = (
        (normal * slope).sum(0) / np.linalg.norm(normal, axis=0) / np.linalg.norm(slope, axis=0)
    )
    assert np.abs(LEVEL[shape](point)[is_hit]).max() < 1e-3
    assert (cosine[is_hit] > 0.999).mean() > 0.97  # but for edges


@law(content=contents())
def test_what_rays_meet_does_not_depend_on_those_beside_them(content):
    """Rays of a bundle skip the solids that all of them miss."""
    rng = np.random.default_rng(content[1])
    origin, ray = in_float32(rng.normal(size=(2, 3, 8)) * 2)
    ray = ray / jnp.linalg.norm(ray, axis=0, keepdims=True)
    together, alone = bundled(solids(content), origin, ray)
    np.testing.assert_array_equal(together, alone)


@jax.jit
def bundled(content, origin, ray):
    """Whether rays are blocked, in parallel to the first as shadow rays are."""
    ray = ray[:, :1]
    alone = [raycast.is_blocked(content, origin[:, [n]], ray)[0] for n in range(8)]
    return raycast.is_blocked(content, origin, ray), jnp.stack(alone)


def test_a_shadow_falls_away_from_the_light():
    """A ball on a plane, lit from the left or the right."""
    content = make_solids(
        jnp.array([shapes.NUMBERS["plane"], shapes.NUMBERS["ellipsoid"]]),
        jnp.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.5]]),
        jnp.full((2, 3), 0.5),
        label=jnp.arange(2),
        colour=0.5,
    )
    light = jax.jit(lambda key: raycast.image(seen(content, key), HEIGHT, WIDTH))
    ground = np.asarray(drawn_labels(content)) == 0
    side = np.cross(TARGET - EYE, (0, 0, 1))
    side = 0.7 * side / np.linalg.norm(side)
    from_right = np.asarray(light(in_float32([*side[:2], 0.7])), float).mean(-1)
    from_left = np.asarray(light(in_float32([*-side[:2], 0.7])), float).mean(-1)
    darker = (from_right < from_left - 20) & ground
    brighter = (from_left < from_right - 20) & ground
    assert darker[:, : WIDTH // 2].sum() > 3 and not darker[:, WIDTH // 2 :].any()
    assert brighter[:, WIDTH // 2 :].sum() > 3 and not brighter[:, : WIDTH // 2].any()


drawn_labels = jax.jit(lambda content: raycast.labels(seen(content), HEIGHT, WIDTH))


@st.composite
def ellipsoids(draw: st.DrawFn):
    """Half axes, place and turn of an ellipsoid that the whole image has."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.uniform(0.3, 0.8, 3), rng.uniform(-0.4, 0.4, 3), rng.uniform(0, 6)


def outline(axes, place, angle):
    """Centre and covariance of the ellipse that is the outline of an ellipsoid, in grid units.

    A ray d from the eye e touches (e + t d - c)ᵀ A (e + t d - c) = 1 where its discriminant in t is
    0: a conic in the image, whose centre and axes are those of a filled ellipse.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    form = turn @ np.diag(axes**-2.0) @ turn.T
    away = EYE - place
    conic = np.outer(form @ away, form @ away) - (away @ form @ away - 1) * form
    forward = (TARGET - EYE) / np.linalg.norm(TARGET - EYE)
    right = np.array([forward[1], -forward[0], 0]) / np.hypot(*forward[:2])
    down = np.cross(forward, right)
    # Grid units: the middles of the outer pixels are at ±1.
    size = np.array([BIG[0] - 1, BIG[1] - 1]) * FIELD / BIG[1]
    basis = np.stack([down * size[0], right * size[1], forward], axis=1)
    q = basis.T @ conic @ basis
    centre = -np.linalg.solve(q[:2, :2], q[:2, 2])
    rest = q[2, 2] + q[:2, 2] @ centre
    return centre, np.linalg.inv(-q[:2, :2] / rest) / 4


BIG = 96, 120


@functools.partial(jax.jit)
def pose_of(axes, place, angle):
    content = make_solids(
        "ellipsoid", place[None], axes[None], label=0, colour=0.5, angle=angle[None]
    )
    sides = window(FIELD, BIG, (0, BIG[0]), (0, BIG[1]))
    scene = seen(content)
    scene = Scene(content, scene.lights, Camera(in_float32(EYE), in_float32(TARGET), *sides))
    masks = raycast.silhouettes(scene, *BIG, 1)
    return pose(masks), masks


@law(ellipsoid=ellipsoids())
def test_the_pose_of_an_ellipsoid_is_that_of_its_outline(ellipsoid):
    """Position and covariance, to within a fraction of a pixel."""
    frame, masks = pose_of(*map(in_float32, ellipsoid))
    edge = np.asarray(masks[0])
    assert not (edge[0].any() or edge[-1].any() or edge[:, 0].any() or edge[:, -1].any())
    centre, covariance = outline(*ellipsoid)
    pixel = 2 / (BIG[0] - 1)
    np.testing.assert_allclose(frame.position[0], centre, atol=0.25 * pixel)
    turn, scale = np.asarray(frame.rotation[0], float), np.asarray(frame.scale[0], float)
    along = turn @ np.diag(scale[::-1] ** 2) @ turn.T  # of (x, y)
    np.testing.assert_allclose(along[::-1, ::-1], covariance, rtol=0.05, atol=0.002)


@pytest.mark.parametrize("name", textures.TEXTURES)
def test_textures_are_patterns_from_0_to_1(name):
    point = in_float32(np.random.default_rng(0).uniform(-3, 3, (3, 4000)))
    found = np.asarray(textures.patterns(jnp.full(4000, textures.NUMBERS[name]), point))
    assert found.min() >= 0 and found.max() <= 1
    assert name == "plain" or (found.std() > 0.1 and 0.1 < found.mean() < 0.9)
