"""Cards: Markdown that people read, under a front matter that the Hub indexes."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def model_card(text: str, *, results: Sequence[Mapping[str, Any]] = (), **fields: Any) -> str:
    """Return a model card: front matter and Markdown.

    - `text`: the Markdown below the front matter.
    - `results`: measured figures, each the fields of a `huggingface_hub.EvalResult`.
    - `fields`: the rest of `huggingface_hub.ModelCardData`: `license`, `tags`, `datasets`, ….
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    measured = [EvalResult(**result) for result in results]
    data = ModelCardData(eval_results=measured or None, **fields)
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))


def loading_line(kind: str, name: str) -> str:
    """Return the line of a card that loads the model called `name`."""
    return f"model = {kind}.from_pretrained({json.dumps(name, ensure_ascii=False)})"


def with_loading_line(card: str, name: str) -> str:
    """Return the card with its first `loading_line` changed to load the model called `name`."""
    line = r'^(model = \w+\.from_pretrained\()"([^"\\\n]|\\.)*"\)$'
    return re.sub(line, lambda found: f"{found[1]}{json.dumps(name)})", card, count=1, flags=re.M)
