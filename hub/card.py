"""Cards: Markdown that people read, under a front matter that the Hub indexes."""

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


def addressed(card: str, repo_id: str) -> str:
    """The card with the lines that load the model loading it from this repo."""
    return re.sub(r'(?<=\bfrom_pretrained\()"([^"\\\n]|\\.)*"(?=\))', f'"{repo_id}"', card)
