"""A gallery shows scenes, or says why not."""

import numpy as np
import pytest
from PIL import Image

from training.data import load
from training.data.gallery import draw_gallery, main


def test_a_gallery_shows_every_scene(tmp_path):
    scenes = load("tetrominoes", "validation", 8)
    sizes = []
    for count in (1, 6, 8):
        draw_gallery(scenes[:count], 1, tmp_path / f"{count}.png", "a title")
        picture = np.asarray(Image.open(tmp_path / f"{count}.png").convert("RGB"))
        sizes.append(picture.shape[0])
        # Crosses are white, on pieces.
        assert (picture == 255).all(-1).mean() > 0.1
    assert sizes[0] == sizes[1] < sizes[2]


def test_the_command_draws_or_says_why_not(tmp_path, capsys):
    main("tetrominoes", tmp_path / "out.png", count=2)
    assert (tmp_path / "out.png").stat().st_size > 2000
    with pytest.raises(SystemExit, match="error: Unknown split 'camo'.*valid ones are train"):
        main("tetrominoes", tmp_path / "other.png", split="camo")
    with pytest.raises(SystemExit, match="error: Unknown dataset 'clever'.*'clevr'"):
        main("clever", tmp_path / "other.png")
    assert not (tmp_path / "other.png").exists()
