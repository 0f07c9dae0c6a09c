"""Slots have no order, and pixels none but their coordinates."""

import dataclasses

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np

from ..laws import assert_close, condition, explained, law
from ..strategies import EPSILON, GRID, SLOTS, frames, picture, scenes, seeds, used

orders_of_slots = st.permutations(range(SLOTS)).map(jnp.asarray)
orders_of_pixels = seeds.map(lambda seed: np.random.default_rng(seed).permutation(len(GRID)))
# Sums in another order, through layers of gain one.
ROUNDING = 64 * EPSILON


def reordered(tree, order):
    """Slots first in every array."""
    return jax.tree.map(lambda leaf: leaf[order], tree)


@law(order=orders_of_slots, scene=scenes())
def test_slots_in_another_order_attend_alike(attention, order, scene):
    swapped = dataclasses.replace(
        scene, slots=scene.slots[order], frames=reordered(scene.frames, order)
    )
    assert_close(swapped.attended(attention), reordered(scene.attended(attention), order), ROUNDING)


@law(order=orders_of_pixels, scene=scenes())
def test_pixels_in_another_order_are_the_same_scene(attention, order, scene):
    slots, frames, maps = scene.attended(attention)
    swapped = dataclasses.replace(scene, features=scene.features[order])
    assert_close(
        swapped.attended(attention, GRID[order]), (slots, frames, maps[:, order]), ROUNDING
    )


@law(scene=scenes())
def test_pixels_that_are_seen_twice_count_once(attention, scene):
    twice = dataclasses.replace(scene, features=jnp.concatenate([scene.features] * 2))
    slots, frames, maps = scene.attended(attention)
    wanted = slots, frames, jnp.concatenate([maps] * 2, axis=1)
    assert_close(twice.attended(attention, np.concatenate([GRID] * 2)), wanted, ROUNDING)


@law(order=orders_of_slots, seed=seeds, frames=frames(smallest=0.1))
def test_slots_in_another_order_paint_the_same_picture(any_model, order, seed, frames):
    image, frames = picture(any_model, seed), used(frames, any_model.symmetry)
    swapped = eqx.tree_at(lambda m: m.initial_slots, any_model, any_model.initial_slots[order])
    ours = explained(any_model, image, frames)
    theirs = explained(swapped, image, reordered(frames, order))
    rounding = ROUNDING * condition(any_model.symmetry, ours.frames)
    assert_close(theirs, reordered(ours, order), rounding)
    assert_close(theirs.painted.reconstruction, ours.painted.reconstruction, rounding)
