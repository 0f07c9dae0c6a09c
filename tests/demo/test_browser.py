"""A person's way through the app, in a browser."""

import json
import shutil
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.app.studio import short_name
from training.data import load

from ..served import MODEL, served

OTHER = MODEL.parent / "tetrominoes-sa"
SOON = 20  # seconds in which a busy machine has moved an object; an idle one needs 0.2
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    pytest.importorskip("gradio")
    command = [sys.executable, "-m", "demo.app", "--model", str(MODEL), str(OTHER)]
    library = str(Path(__file__).parents[2])
    with served(command, tmp_path_factory.mktemp("app"), PYTHONPATH=library) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    names = "chromium", "chromium-browser", "google-chrome"
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"no browser of these is installed: {', '.join(names)}")
    with playwright.sync_playwright() as play:
        started = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(address, browser):
    """The page, which looks for nothing elsewhere and has nothing to complain of."""
    context = browser.new_context(viewport=dict(width=1280, height=900))
    asked, complaints = [], []
    context.on("request", lambda request: asked.append(request.url))
    opened = context.new_page()
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(address)
    opened.wait_for_selector("#scene img")
    yield opened
    context.close()
    assert asked and all(url.startswith((address, "data:", f"blob:{address}")) for url in asked), (
        asked
    )
    assert not complaints


def picture(page, panel="scene"):
    return page.locator(f"#{panel} img").get_attribute("src")


def wait_for_another(page, before, panel="scene"):
    page.wait_for_function(
        "([panel, before]) => document.querySelector(`#${panel} img`).src !== before",
        arg=[panel, before], polling=5, timeout=1000 * SOON,
    )  # fmt: skip


def click(page, panel, row, column, size):
    """Click a pixel of what a panel shows, of (height, width)."""
    box = page.locator(f"#{panel} img").bounding_box()
    assert min(box["width"], box["height"]) >= 256
    place = dict(x=box["width"] * (column + 0.5) / size[1], y=box["height"] * (row + 0.5) / size[0])
    page.locator(f"#{panel} img").click(position=place)


def move(page, name, value):
    """Move a slider as a hand does."""
    page.locator(f"#slider-{name} input[type=range]").evaluate(
        "(slider, value) => {"
        " slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})) }",
        value,
    )


def test_a_person_uploads_an_image_moves_an_object_and_saves_its_masks(page, tmp_path):
    scenes = load("tetrominoes", "test", 1, data="procedural", size=(35, 35))
    pixels = (np.asarray(scenes.images.floats()[0]) * 255).round().astype(np.uint8)
    Image.fromarray(pixels).resize((140, 140), 0).save(tmp_path / "mine.png")
    before = picture(page, "masks")
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.png")
    wait_for_another(page, before, "masks")

    assert page.locator("#slider-x input[type=range]").is_disabled()
    row, column = np.argwhere(scenes.labels[0] == 1).mean(axis=0).round().astype(int)
    if scenes.labels[0][row, column] != 1:
        row, column = np.argwhere(scenes.labels[0] == 1)[5]
    click(page, "image", row, column, (35, 35))
    page.wait_for_function("document.querySelector('#note').innerText.includes('selected')")
    assert not page.locator("#slider-x input[type=range]").is_disabled()
    assert page.locator("#slider-angle input[type=range]").is_disabled()
    assert "no angle" in page.locator("#note").inner_text()

    for value in (-0.6, 0.1, 0.7):
        before, began = picture(page), time.perf_counter()
        move(page, "x", value)
        wait_for_another(page, before)
        print(f"moved after {time.perf_counter() - began:.3f} s")

    before = picture(page)
    page.get_by_role("button", name="Delete slot").click()
    wait_for_another(page, before)
    assert "(deleted)" in page.locator("#legend").inner_text()
    before = picture(page)
    page.get_by_role("button", name="Bring slot back").click()
    wait_for_another(page, before)

    with page.expect_download() as saved:
        page.get_by_role("button", name="Save masks").click()
    assert saved.value.suggested_filename == "mine_masks.zip"
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert "mine_overlay.png" in archive.namelist()
        (image,) = json.loads(archive.read("coco.json"))["images"]
    assert (image["height"], image["width"]) == (140, 140)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save picture").click()
    with Image.open(saved.value.path()) as edited:
        assert edited.format == "PNG" and edited.width % 35 == 0


def test_a_person_compares_two_models(page):
    assert not page.locator("#other-masks").is_visible()
    page.get_by_label("Compare with").click()
    page.get_by_role("option", name=short_name(str(OTHER))).click()
    page.wait_for_selector("#other-scene img")
    before = picture(page, "other-masks")
    page.get_by_role("button", name="Draw another").click()
    wait_for_another(page, before, "other-masks")
    # The other one becomes the first.
    page.get_by_label("Model").click()
    before = picture(page)
    page.get_by_role("option", name=short_name(str(OTHER))).click()
    wait_for_another(page, before)
    page.wait_for_selector("#other-masks", state="hidden")
    click(page, "scene", 17, 17, (35, 35))
    page.wait_for_function("document.querySelector('#note').innerText.includes('selected')")
    assert "have no frames" in page.locator("#note").inner_text()
    assert page.locator("#slider-y input[type=range]").is_disabled()


def test_a_file_that_is_no_image_is_said_on_the_page(page, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    page.locator("input[type=file]").set_input_files(tmp_path / "broken.png")
    said = page.get_by_text("broken.png is no image")
    said.wait_for(timeout=1000 * SOON)
    assert said.inner_text().startswith("broken.png")
    before = picture(page)
    page.get_by_role("button", name="Draw another").click()
    wait_for_another(page, before)
