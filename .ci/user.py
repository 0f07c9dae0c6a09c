"""A user's program: it runs on the models in the folders it is given, and pyright reads it.

Pyright is strict here, and every type has to be the one that is stated. The mistakes at the end
are never run. Each is ignored, and it is an error to ignore what is none: so pyright finds them.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

import sys
from pathlib import Path
from typing import assert_type

import jax
import numpy as np

import hub
from isa_eqx import ISA, Decoded, Frame, ISAConfig, Output, metrics, original, published
from training.config import TrainConfig
from training.data import Images, Scenes, load
from training.presets import preset


def explain(folder: str) -> None:
    """Do what the README does, with a model in a folder."""
    model = ISA.from_pretrained(folder, local_files_only=True)
    assert_type(model, ISA)
    scenes = load("tetrominoes", "test", 2)
    assert_type(scenes, Scenes)
    assert_type(scenes.images, Images)
    assert_type(scenes.poses, Frame | None)
    images = scenes.images.floats()
    assert_type(images, jax.Array)

    out = model(images[0], key=jax.random.key(0))
    assert_type(out, Output)
    assert_type(out.masks, jax.Array)
    assert_type(out.segmentation, jax.Array)
    assert_type(out.slots, jax.Array)
    assert_type(out.frames, Frame)
    assert_type(out.frames.position, jax.Array)
    moved = model.decode(out.slots, out.frames.moved(shift=(0.0, 0.2)))
    assert_type(moved, Decoded)
    assert_type(moved.reconstruction, jax.Array)

    assert out.masks.shape == (model.config.num_slots, *model.config.image_size)
    assert np.allclose(out.masks.sum(axis=0), 1, atol=1e-5)
    slots = model.config.num_slots
    both = out.segmentation[None], moved.segmentation[None]
    same = metrics.adjusted_rand_index(*both, slots, slots)
    assert_type(same, jax.Array)
    error = metrics.mean_squared_error(images[:1], out.reconstruction[None])
    assert_type(error, jax.Array)
    print(f"{folder}: MSE {error[0]:.4f}, ARI with the moved scene {same[0]:.2f}")


def store(model: ISA, folder: Path) -> None:
    """Save a model, push it, and read its parts: never run."""
    model.save_pretrained(folder)
    assert_type(model.push_to_hub("user/name", private=True), str)
    assert_type(model.config, ISAConfig)
    assert_type(published("clevr", "isa-ts"), ISAConfig)
    assert_type(hub.named_arrays(model), dict[str, np.ndarray])
    assert_type(hub.load_tree(model, folder / "model.safetensors"), ISA)
    assert_type(hub.version(), str)
    assert_type(original.load("ckpt-0.flax", "clevr_isa_ts"), ISA)
    assert_type(preset("tetrominoes"), TrainConfig)


def mistakes(model: ISA, image: jax.Array) -> None:
    """Call the library in ways that it has not: never run."""
    model(image, seed=0)  # pyright: ignore[reportCallIssue]
    model(image, key="0")  # pyright: ignore[reportArgumentType]
    print(model(image).mask)  # pyright: ignore
    print(model.config.num_slot)  # pyright: ignore
    ISA.from_pretrained(3)  # pyright: ignore[reportArgumentType]
    load("tetrominoes", "test", "all")  # pyright: ignore[reportArgumentType]
    metrics.adjusted_rand_index(image, image, 2)  # pyright: ignore[reportCallIssue]
    hub.create_repo(name="user/name")  # pyright: ignore[reportCallIssue]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        explain(name)
