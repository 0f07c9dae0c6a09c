"""What the page of the app does when it is used. Needs gradio."""

import dataclasses
import functools
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .editor import Editor
from .export import masks_zip, scene_png
from .page import NONE, Page
from .panels import rendered, scene_panel, slot_under
from .studio import Desk, Studio
from .view import show

# In gradio's queue, which shows errors on the page.
IN_TURN: dict[str, Any] = dict(show_progress="hidden", api_visibility="private")
# Out of it: what takes a tenth of a second is not to wait.
AT_ONCE: dict[str, Any] = IN_TURN | dict(queue=False)
KEPT = 60  # seconds that a file stays after it was offered; the page has a copy by then
# A press of the hidden button, once the page knows the file.
PRESS = "() => setTimeout(() => document.querySelector('#{}').click(), 100)"


def connect_scenes(page: Page, studio: Studio) -> None:
    """Let the page choose images and models."""

    def compare(desk: Desk, name: str) -> Desk:
        return studio.compare(desk, None if name == NONE else name)

    for event, of_desk, inputs in (
        (page.another.click, studio.another, []),
        (page.upload.upload, studio.upload, [page.upload]),
        (page.model.input, studio.use, [page.model]),
        (page.other.input, compare, [page.other]),
    ):
        handler = said(lambda *given, of_desk=of_desk: show(studio, of_desk(*given)))
        event(handler, [page.desk, *inputs], page.shown, **IN_TURN)


def connect_edits(page: Page, studio: Studio) -> None:
    """Let the page select and edit slots."""
    import gradio as gr

    def shown(desk: Desk, editor: Editor) -> list[Any]:
        return show(studio, dataclasses.replace(desk, editor=editor))

    def select(desk: Desk, event: gr.SelectData) -> list[Any]:
        owner = desk.editor.labels
        # In this one, objects may be elsewhere.
        if event.target is not None and event.target.elem_id == "scene":
            _, owner = rendered(studio.models[desk.model], desk.editor)
        return shown(desk, desk.editor.select(slot_under(owner, *event.index)))

    def change(name: str, desk: Desk, value: float) -> tuple[Desk, Any]:
        desk = dataclasses.replace(desk, editor=desk.editor.change(name, value))
        return desk, scene_panel(studio.models[desk.model], desk.editor)

    for panel in (page.image, page.masks, page.scene):
        panel.select(select, page.desk, page.shown, **AT_ONCE)
    for name, slider in page.sliders.items():
        slider.input(
            functools.partial(change, name), [page.desk, slider], [page.desk, page.scene],
            trigger_mode="always_last", **AT_ONCE,
        )  # fmt: skip
    page.toggle.click(
        said(lambda desk: shown(desk, desk.editor.toggle())), page.desk, page.shown, **IN_TURN
    )
    page.reset.click(
        said(lambda desk: shown(desk, desk.editor.reset())), page.desk, page.shown, **IN_TURN
    )


def connect_files(page: Page, studio: Studio, folder: Path) -> None:
    """Let the page save files: they are made when asked for, and then downloaded by themselves."""

    def masks(desk: Desk) -> str:
        return offer(folder, f"{desk.name}_masks.zip", masks_zip(desk.editor, desk.name))

    def scene(desk: Desk) -> str:
        content = scene_png(studio.models[desk.model], desk.editor)
        return offer(folder, f"{desk.name}_edited.png", content)

    for button, make, file in (
        (page.masks_button, masks, page.masks_file),
        (page.scene_button, scene, page.scene_file),
    ):
        button.click(said(make), page.desk, file, **IN_TURN).success(
            None, js=PRESS.format(file.elem_id)
        )


def offer(folder: Path, name: str, content: bytes) -> str:
    """Return the path of a new file with this content. Those that were offered before go."""
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > KEPT:
            shutil.rmtree(old, ignore_errors=True)
    path = Path(tempfile.mkdtemp(dir=folder)) / name
    path.write_bytes(content)
    return str(path)


def said(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return the handler, its `ValueError`s said on the page."""
    import gradio as gr

    def told(*given: Any) -> Any:
        try:
            return handler(*given)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return told
