"""Cards: Markdown that people read, under a front matter that the Hub indexes."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def model_card(text: str, *, results: Sequence[Mapping[str, Any]] = (), **fields: Any) -> str:
    """The card of a model.

    - `text`: Markdown, below the front matter.
    - `results`: measured figures, each the fields of a `huggingface_hub.EvalResult`.
    - `fields`: the rest of `huggingface_hub.ModelCardData`: `license`, `tags`, `datasets`, ….
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    measured = [EvalResult(**result) for result in results]
    data = ModelCardData(eval_results=measured or None, **fields)
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))


def loading(kind: str, name: str) -> str:
    """The line of a card that loads the model."""
    return f"model = {kind}.from_pretrained({json.dumps(name, ensure_ascii=False)})"


def addressed(card: str, name: str) -> str:
    """The card with that line, the first one, loading the model by this name."""
    line = r'^(model = \w+\.from_pretrained\()"([^"\\\n]|\\.)*"\)$'
    return re.sub(line, lambda found: f"{found[1]}{json.dumps(name)})", card, count=1, flags=re.M)
