"""What the page of the app shows of a desk. Needs gradio."""

from html import escape
from typing import Any

from .editor import NEEDS, Editor, missing
from .page import NONE, SLIDERS
from .panels import image_panel, legend, masks_panel, scene_panel
from .studio import Desk, Studio, short_name


def show(studio: Studio, desk: Desk) -> list[Any]:
    """Return what `Page.shown` is to show of a desk."""
    import gradio as gr

    editor, compared = desk.editor, desk.compared
    others = [(short_name(name), name) for name in studio.models if name != desk.model]
    about, masks, scene = "", None, None
    if desk.other is not None and compared is not None:
        about = describe(desk.other, compared)
        masks, scene = masks_panel(compared), scene_panel(studio.models[desk.other], compared)
    return [
        desk,
        image_panel(editor),
        masks_panel(editor),
        scene_panel(studio.models[desk.model], editor),
        legend(editor),
        note(editor),
        *sliders(editor),
        gr.update(
            value="Bring slot back" if editor.is_deleted else "Delete slot",
            interactive=editor.selected is not None,
        ),
        gr.update(choices=[NONE, *others], value=desk.other or NONE),
        gr.update(visible=compared is not None),
        about,
        masks,
        scene,
    ]


def sliders(editor: Editor) -> list[Any]:
    """Return the values of the sliders, and whether they can be moved."""
    import gradio as gr

    slot = editor.selected
    edit = None if slot is None else editor.edits[slot]
    return [
        gr.update(
            value=options["value"] if edit is None else round(getattr(edit, name), 2),
            interactive=edit is not None and NEEDS[name] in editor.fields,
        )
        for name, options in SLIDERS.items()
    ]


def note(editor: Editor) -> str:
    """Return which slot is selected, and what cannot be changed, as HTML."""
    said = "Click an object to select its slot."
    if editor.selected is not None:
        said = f"<b>Slot {editor.selected} selected</b>{', deleted' * editor.is_deleted}."
        said += " The cross is its frame." if editor.fields and not editor.is_deleted else ""
    return f"{said} {missing(editor.variant)}"


def describe(name: str, editor: Editor) -> str:
    """Return what the other model is and makes of the image, as HTML."""
    return f"<p><b>{escape(short_name(name))}</b>, the same image.</p>{legend(editor)}"
