"""The page of the app: its components, and what it shows of a desk. Needs gradio."""

import dataclasses
from typing import Any

from .studio import Studio, short_name

NONE = "nothing"
HEADING = """\
<h1>Slots and their frames</h1>
<p>The model takes an image apart into <b>slots</b>, one for each object, without ever having been
told what an object is. A slot says <i>what</i> is there. Its <b>frame</b> says <i>where</i>: a
position, a size and an angle. Click an object and change its frame, and the model paints the same
object there.</p>"""
CSS = """\
.gradio-container { max-width: 1360px !important; padding: 8px 16px !important; }
#heading h1 { font-size: 1.35rem; margin: 0 0 2px; }
#heading p { margin: 0; max-width: 1200px; }
.panel img { cursor: pointer; width: 100%; }
.caption { font-weight: 600; }
.block.caption { height: 1.4em; }
.chip { display: inline-flex; align-items: center; gap: 6px; margin: 2px 14px 2px 0; }
.chip i { width: 14px; height: 14px; border-radius: 3px; }
.chosen { font-weight: 700; text-decoration: underline; text-underline-offset: 3px; }
#note { min-height: 3.2em; }
"""
SLIDERS: dict[str, dict[str, Any]] = {
    "y": dict(label="Position, downwards", minimum=-1, maximum=1, step=0.01, value=0),
    "x": dict(label="Position, to the right", minimum=-1, maximum=1, step=0.01, value=0),
    "size": dict(label="Size, times as large", minimum=0.5, maximum=2, step=0.01, value=1),
    "angle": dict(label="Angle, degrees clockwise", minimum=-90, maximum=90, step=1, value=0),
}


@dataclasses.dataclass(frozen=True)
class Page:
    """The components that handlers read and write."""

    desk: Any
    model: Any
    other: Any
    another: Any
    upload: Any
    image: Any
    masks: Any
    scene: Any
    legend: Any
    sliders: dict[str, Any]
    note: Any
    toggle: Any
    reset: Any
    masks_button: Any
    masks_file: Any
    scene_button: Any
    scene_file: Any
    below: Any
    about: Any
    other_masks: Any
    other_scene: Any

    @property
    def shown(self) -> list[Any]:
        """The components that `show` returns values for."""
        return [
            self.desk, self.image, self.masks, self.scene, self.legend, self.note,
            *self.sliders.values(), self.toggle, self.other,
            self.below, self.about, self.other_masks, self.other_scene,
        ]  # fmt: skip


def lay_out(studio: Studio) -> Page:
    """Return the components, made within the blocks that are being built."""
    import gradio as gr

    names, several = [(short_name(n), n) for n in studio.models], len(studio.models) > 1
    found: dict[str, Any] = dict(desk=gr.State())
    gr.HTML(HEADING, elem_id="heading")
    with gr.Row():
        with gr.Column(scale=0, min_width=310):
            found["model"] = gr.Dropdown(names, value=names[0][1], label="Model", visible=several)
            found["other"] = gr.Dropdown(
                [NONE, *names[1:]], value=NONE, label="Compare with", visible=several
            )
            with gr.Row():
                found["another"] = gr.Button("Draw another", size="md", min_width=100)
                found["upload"] = gr.UploadButton(
                    "Upload", file_types=["image"], size="md", min_width=100
                )
            found["note"] = gr.HTML(elem_id="note")
            found["sliders"] = {
                name: gr.Slider(**options, interactive=False, buttons=[], elem_id=f"slider-{name}")
                for name, options in SLIDERS.items()
            }
            with gr.Row():
                found["toggle"] = gr.Button("Delete slot", size="md", min_width=100)
                found["reset"] = gr.Button("Reset all", size="md", min_width=100)
            with gr.Row():
                for what, text in (("masks", "Save masks"), ("scene", "Save picture")):
                    found[f"{what}_button"] = gr.Button(text, size="md", min_width=100)
                    found[f"{what}_file"] = gr.DownloadButton(
                        visible="hidden", elem_id=f"{what}-file"
                    )
        with gr.Column():
            with gr.Row():
                found["image"] = _panel("What the model sees", "image")
                found["masks"] = _panel("Its slots", "masks")
                found["scene"] = _panel("Painted from the slots", "scene")
            found["legend"] = gr.HTML(elem_id="legend")
            with gr.Row(visible=False) as found["below"]:
                with gr.Column(min_width=256):
                    found["about"] = gr.HTML()
                found["other_masks"] = _panel("The other model's slots", "other-masks")
                found["other_scene"] = _panel("Painted from them", "other-scene")
    return Page(**found)


def _panel(caption: str, name: str) -> Any:
    import gradio as gr

    with gr.Column(min_width=256):
        gr.HTML(caption, elem_classes=["caption"], padding=False)
        return gr.Image(
            show_label=False, format="png", interactive=False, buttons=[], elem_id=name,
            elem_classes=["panel"], alt_text=caption,
        )  # fmt: skip
