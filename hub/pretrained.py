"""Models that are saved to a folder and come back from it."""

import abc
import json
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax

from . import tree
from .files import atomic_file

CONFIG, WEIGHTS = "config.json", "model.safetensors"


@runtime_checkable
class Config(Protocol):
    """What a model is rebuilt from."""

    def to_dict(self) -> dict[str, Any]:
        """The configuration as JSON types."""
        ...


Model = TypeVar("Model", bound="AbstractPretrained")


class AbstractPretrained(eqx.Module):
    """A model that `cls(config, key=…)` builds, and so a folder can hold.

    The folder has `config.json` and `model.safetensors`, the layout of the Hugging Face Hub.
    """

    config: eqx.AbstractVar[Any]

    @classmethod
    @abc.abstractmethod
    def config_from_dict(cls, fields: dict[str, Any]) -> Config:
        """The inverse of `config.to_dict()`; a `ValueError` for anything else."""

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model into a folder, made if absent; other files in it stay."""
        folder = Path(folder)
        tree.write(self, folder / WEIGHTS)
        with atomic_file(folder / CONFIG) as temporary:
            temporary.write_text(json.dumps(self.config.to_dict(), indent=2) + "\n")

    @classmethod
    def from_pretrained(cls: type[Model], folder: str | Path) -> Model:
        """Read a model that `save_pretrained` wrote.

        Raises a `ValueError` if the folder or a file is absent or damaged, or if the weights are
        not exactly those of the configuration: every missing, unexpected and wrongly shaped one.
        """
        folder = Path(folder)
        try:
            config = cls.config_from_dict(json.loads((folder / CONFIG).read_text()))
        except OSError as error:
            raise ValueError(f"{folder} holds no {cls.__name__}: no {CONFIG} there.") from error
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{folder / CONFIG} is no config of {cls.__name__}: {error}"
            ) from error
        skeleton = eqx.filter_eval_shape(cls, config, key=jax.random.key(0))
        arrays = tree.read(folder / WEIGHTS)
        try:
            return tree.fill(skeleton, arrays)
        except ValueError as error:
            raise ValueError(
                f"{folder / WEIGHTS} is not the {cls.__name__} of {CONFIG}: {error}"
            ) from error
