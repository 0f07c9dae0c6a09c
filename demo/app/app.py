"""Slots in the browser: `python -m demo.app --model models/tetrominoes-isa-ts`."""

import dataclasses
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from hub.common.errors import exit_with_message

from .handlers import AT_ONCE, connect_edits, connect_files, connect_scenes
from .page import CSS, lay_out
from .studio import Studio
from .view import show


@dataclasses.dataclass(frozen=True)
class App:
    """See what a model makes of images, and move their objects, in the browser.

    Everything stays on this machine: the page loads nothing from elsewhere, and nobody is told.

    Attributes:
        model: One or more models, each a folder or a repo of the Hugging Face Hub. The page
            chooses between them, and compares two.
        dataset: The scenes to choose from, drawn by this library. Default: what the first model
            was trained on.
        port: Of the server. Default: the first free one from 7860 on.
        share: Whether to make a public address, by way of gradio's servers.
    """

    model: Annotated[tuple[str, ...], tyro.conf.arg(metavar="FOLDER|USER/NAME…")]
    dataset: str | None = None
    port: int | None = None
    share: bool = False


def main(words: Sequence[str] | None = None) -> None:
    """Serve the page until Ctrl-C."""
    options = tyro.cli(App, args=words, prog="python -m demo.app")
    with exit_with_message(ValueError, OSError):
        check_gradio()
        studio = Studio.of(options.model, options.dataset)
        with tempfile.TemporaryDirectory(prefix="isa-eqx-app-") as folder:
            serve(build(studio, Path(folder)), options)


def check_gradio() -> None:
    """Raise a `ValueError` if gradio is not installed, and tell it to tell nobody."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio  # noqa: F401
    except ModuleNotFoundError as error:
        raise ValueError('the app needs gradio: pip install "isa-eqx[demo]".') from error


def serve(blocks: Any, options: App) -> None:
    """Serve blocks until Ctrl-C."""
    from gradio import themes

    theme = themes.Default(
        primary_hue="blue",
        spacing_size="sm",
        font=("system-ui", "sans-serif"),  # those of the machine: no font is fetched
        font_mono=("ui-monospace", "monospace"),
    )
    blocks.launch(
        server_port=options.port,
        share=options.share,
        theme=theme,
        css=CSS,
        footer_links=[],
        max_file_size="50mb",
        ssr_mode=False,
    )


def build(studio: Studio, folder: Path) -> Any:
    """Return the page as gradio's blocks.

    - `folder`: for files to download.
    """
    import gradio as gr

    with gr.Blocks(
        title="Slots and their frames", analytics_enabled=False, delete_cache=(3600, 3600)
    ) as blocks:
        page = lay_out(studio)
        blocks.load(lambda: show(studio, studio.start()), outputs=page.shown, **AT_ONCE)
        connect_scenes(page, studio)
        connect_edits(page, studio)
        connect_files(page, studio, folder)
    return blocks
