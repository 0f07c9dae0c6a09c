"""What the app lets one download: the masks of an image as a zip, and the edited scene as PNG."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

from PIL import Image

from isa_eqx import ISA

from ..coco import CATEGORY, annotations
from ..segment import COCO, write
from .editor import Editor
from .panels import rendered


def masks_zip(editor: Editor, name: str) -> bytes:
    """Return the files that `demo.segment` writes for an image, as a zip.

    - `name`: of the image, without suffix.
    """
    labels = editor.photo.label_map(editor.out.masks)
    height, width = labels.shape
    image = dict(id=0, file_name=name, height=height, width=width)
    found = annotations(labels, len(editor.edits), 0, 1)
    content = dict(images=[image], annotations=found, categories=[CATEGORY])
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(buffer, "w") as archive:
        write(Path(folder), name, editor.photo, labels, editor.out)
        for file in sorted(Path(folder).iterdir()):
            archive.write(file, file.name)
        archive.writestr(COCO, json.dumps(content))
    return buffer.getvalue()


def scene_png(model: ISA, editor: Editor) -> bytes:
    """Return the edited scene as PNG, without outlines, in the size that it is rendered in."""
    image, _ = rendered(model, editor)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png")
    return buffer.getvalue()
