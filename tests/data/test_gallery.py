"""A gallery shows scenes, or says why not."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from training.data import load
from training.data.gallery import ACROSS, draw_gallery, main


def test_a_gallery_shows_every_scene(tmp_path):
    scenes, sizes = load("tetrominoes", "validation", 8), []
    for count in (1, 6, 8):
        sizes.append(drawn(scenes[:count], tmp_path).shape[0])
    assert sizes[0] == sizes[1] < sizes[2]


def test_crosses_are_where_poses_are(tmp_path):
    """White, one for each object, in the label map alone."""
    scenes = load("tetrominoes", "validation", 1)
    with_poses = drawn(scenes, tmp_path)
    without = drawn(dataclasses.replace(scenes, poses=None), tmp_path)
    crosses = (with_poses != without).any(-1)
    y, x = np.nonzero(crosses & (with_poses > 240).all(-1))
    assert y.min() > len(crosses) / 2
    # The label map is as wide as what is left of it and right of it says: the first of six columns.
    inside = np.nonzero((without[y.min() : y.max()] < 255).all(-1).any(0))[0]
    left, right = inside.min(), inside[inside < len(crosses[0]) / ACROSS].max()
    centres = np.sort((np.asarray(scenes.poses.position)[0, 1:, 1] + 1) / 2)
    found = (x - left) / (right - left)
    for centre in centres:
        assert np.abs(found - centre).min() < 0.02
    assert (np.abs(found[:, None] - centres[None]).min(axis=1) < 0.25).all()


def drawn(scenes, folder):
    draw_gallery(scenes, 1, folder / "gallery.png", "a title")
    return np.asarray(Image.open(folder / "gallery.png").convert("RGB"))


def test_the_command_draws_or_says_why_not(tmp_path, capsys):
    main("tetrominoes", tmp_path / "out.png", count=2)
    assert (tmp_path / "out.png").stat().st_size > 2000
    with pytest.raises(SystemExit, match="error: Unknown split 'camo'.*valid ones are train"):
        main("tetrominoes", tmp_path / "other.png", split="camo")
    with pytest.raises(SystemExit, match="error: Unknown dataset 'clever'.*'clevr'"):
        main("clever", tmp_path / "other.png")
    assert not (tmp_path / "other.png").exists()
