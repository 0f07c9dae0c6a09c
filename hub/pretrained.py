"""Models that are saved to a folder or the Hub, and come back from it."""

import abc
import contextlib
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Sharding
from jaxtyping import DTypeLike

from . import config_file, remote, serialisation
from .common.files import atomic_file
from .upload import CARD, upload

CONFIG, WEIGHTS = "config.json", "model.safetensors"


@runtime_checkable
class Config(Protocol):
    """What a model is rebuilt from."""

    def to_dict(self) -> dict[str, Any]:
        """The configuration as JSON types."""
        ...


Model = TypeVar("Model", bound="AbstractPretrained")


class AbstractPretrained(eqx.Module):
    """A model that `cls(config, key=…)` builds, and so a folder or a repo of the Hub can hold.

    That has `config.json`, `model.safetensors` and a model card, `README.md`.
    """

    model_type: ClassVar[str]
    config: eqx.AbstractVar[Any]

    @classmethod
    @abc.abstractmethod
    def config_from_dict(cls, fields: dict[str, Any]) -> Config:
        """The inverse of `config.to_dict()`; a `ValueError` for anything else."""

    @abc.abstractmethod
    def card(self, name: str) -> str:
        """A model card of what can be said of any such model; `name` is what it is loaded by."""

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the model into a folder, made if absent; other files in it stay, and so does a
        card, `README.md`, that is there.
        """
        folder, fields = Path(folder), self.config.to_dict()
        card = None if (folder / CARD).exists() else _encoded(self.card(str(folder)))
        serialisation.save_tree(
            self, folder / WEIGHTS, {"fingerprint": config_file.fingerprint(fields)}
        )
        config_file.write(folder / CONFIG, self.model_type, fields)
        if card is not None:
            with atomic_file(folder / CARD) as temporary:
                temporary.write_bytes(card)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        commit_message: str = "Upload model",
        create_pr: bool = False,
        token: remote.Token = None,
    ) -> str:
        """Upload the model in one commit; a card that is there stays, so see that it is true of
        this model.

        - `repo_id`: `user/name`, made if absent.
        - `private`: of a repo that is new; `None` for what its owner has set.
        - `revision`: the branch, made if absent; `None` for the default one.
        - `create_pr`: propose the commit as a pull request, to a branch that is there.
        - `token`: `None` for the one that is logged in.

        Returns the address of the commit or proposal; of the last commit if nothing has changed.
        Raises a `ValueError` for a name that is none, without permission, and if the repo should
        be private and is public; a `ConnectionError` if the Hub does not answer. Then the repo is
        as it was, or empty if it is new, unless it was the Hub's answer that was lost.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return upload(
                {name: Path(folder) / name for name in (CONFIG, WEIGHTS, CARD)},
                repo_id,
                keep_card=True,
                private=private,
                revision=revision,
                commit_message=commit_message,
                create_pr=create_pr,
                token=token,
            )

    @classmethod
    def from_pretrained(
        cls: type[Model],
        repo_or_folder: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: remote.Token = None,
        cache_dir: str | os.PathLike[str] | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        dtype: DTypeLike | None = None,
        sharding: Sharding | None = None,
    ) -> Model:
        """Read a model that `save_pretrained` or `push_to_hub` wrote.

        - `repo_or_folder`: a folder, or `user/name` or `user/name@revision` on the Hugging Face
          Hub. A folder of that name wins, and the network is left alone.
        - `revision`: branch, tag or commit; `None` for `main`.
        - `token`: `None` for the one that is logged in, `False` for none.
        - `cache_dir`: where downloads are kept; `None` for the Hub's cache.
        - `force_download`: also what is in the cache.
        - `local_files_only`: from the cache or not at all.
        - `dtype`: of the weights; `None` as saved, but that float64 becomes float32 without
          `jax_enable_x64`. Images must have the same one.
        - `sharding`: where weights go, each device reading its part; `None` for the default device.

        Only JSON and safetensors are read. A foreign file can run nothing, and is refused before
        more memory is taken, or more is downloaded, than its configuration accounts for. Raises a
        `ValueError` if there is no such model or no permission to read it, if a file is damaged,
        and if the weights are not exactly those of the configuration, with what is missing,
        unexpected or of another shape. Raises a `ConnectionError` if the Hub does not answer and
        the cache does not have it, and other `OSError`s if the cache cannot be written.
        """
        dtype = None if dtype is None else _floating(dtype)
        place = remote.source(
            repo_or_folder,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )
        path = place.fetch(CONFIG, config_file.MOST_BYTES)
        with _blaming(path, place.advice):
            fields, saved_as = config_file.read(path, cls.model_type)
            config = cls.config_from_dict(fields)
        skeleton = eqx.filter_eval_shape(cls, config, key=jax.random.key(0))
        numbers = sum(map(math.prod, serialisation.named_shapes(skeleton).values()))
        path = place.fetch(WEIGHTS, serialisation.MOST_HEADER + 8 * numbers)
        with _blaming(path, place.advice):
            check_together(saved_as, path)
            return serialisation.load_tree(skeleton, path, dtype=dtype, sharding=sharding)


@contextlib.contextmanager
def _blaming(path: Path, advice: str) -> Iterator[None]:
    """Name the file in what is said of it, and what can be done."""
    try:
        yield
    except ValueError as error:
        said = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise ValueError(said + advice) from error


def check_together(saved_as: str | None, weights: Path) -> None:
    """Raise a `ValueError` if configuration and weights both have a fingerprint, not the same."""
    found = serialisation.read_metadata(weights).get("fingerprint")
    if saved_as is not None and found is not None and saved_as != found:
        raise ValueError(
            f"{CONFIG} and {WEIGHTS} are of two models, by their fingerprints, as after a save "
            "that was cut short: save the model again."
        )


def _encoded(card: str) -> bytes:
    """As UTF-8; what a folder is called may be none, but Python reads it all the same."""
    return card.encode(errors="backslashreplace")


def _floating(dtype: DTypeLike) -> jnp.dtype:
    """A dtype that weights can have; a `ValueError` for any other."""
    try:
        wanted = jnp.dtype(dtype)
    except TypeError:
        raise ValueError(f"dtype must be a floating one, got {dtype!r:.60}.") from None
    if not jnp.issubdtype(wanted, jnp.floating):
        raise ValueError(f"dtype must be a floating one, got {wanted}.")
    if jax.dtypes.canonicalize_dtype(wanted) != wanted:
        raise ValueError(f"dtype {wanted} needs jax.config.update('jax_enable_x64', True).")
    return wanted
