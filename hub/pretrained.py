"""Models that can be saved to a folder or the Hub, and loaded from there."""

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
DTYPES = "float32", "bfloat16", "float16", "float64"  # that weights can have


@runtime_checkable
class Config(Protocol):
    """A configuration that a model is built from."""

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON types."""
        ...


Model = TypeVar("Model", bound="AbstractPretrained")


class AbstractPretrained(eqx.Module):
    """Base class of models that are built by `cls(config, key=…)`.

    Such a model is saved as three files: `config.json`, `model.safetensors` and a model card,
    `README.md`.
    """

    model_type: ClassVar[str]
    config: eqx.AbstractVar[Any]

    @classmethod
    @abc.abstractmethod
    def config_from_dict(cls, fields: dict[str, Any]) -> Config:
        """Invert `config.to_dict()`. Raises a `ValueError` for anything else."""

    @abc.abstractmethod
    def card(self, name: str) -> str:
        """Return a model card; `name` is the folder or repo that the model is loaded from."""

    def saved_part(self: Model) -> Model:
        """Return the part of the model that is saved: all, unless a subclass takes some of it from
        elsewhere.
        """
        return self

    def completed(
        self: Model,
        *,
        token: remote.Token = None,
        cache_dir: str | os.PathLike[str] | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        sharding: Sharding | None = None,
    ) -> Model:
        """Return a loaded model with what it takes from elsewhere: nothing, unless a subclass does.

        Arguments and errors: as of `from_pretrained`.
        """
        return self

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the model into a folder, which is made if absent.

        Other files in the folder are kept, an existing card (`README.md`) included. Raises a
        `ValueError`, before anything is written, if the arrays are not those of the configuration,
        listing what is missing, unexpected or of another shape: such a model could not be loaded.
        """
        folder, fields = Path(folder), self.config.to_dict()
        self._check_whole()
        card = None if (folder / CARD).exists() else _encode(self.card(str(folder)))
        serialisation.save_tree(
            self.saved_part(), folder / WEIGHTS, {"fingerprint": config_file.fingerprint(fields)}
        )
        config_file.write(folder / CONFIG, self.model_type, fields)
        if card is not None:
            with atomic_file(folder / CARD) as temporary:
                temporary.write_bytes(card)

    def _check_whole(self) -> None:
        """Raise a `ValueError` unless `from_pretrained` could rebuild this model."""
        skeleton = _skeleton(type(self), self.config)
        try:
            serialisation.check_fit(skeleton, serialisation.named_leaves(self.saved_part()))
        except ValueError as error:
            raise ValueError(
                f"nothing was saved, as this is not the model that its config describes: {error} "
                "Save the whole model, and of an ensemble each one."
            ) from error

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
        """Upload the model in one commit. A card that the repo already has is kept.

        - `repo_id`: `user/name`, created if absent.
        - `private`: of a new repo; `None` for the owner's default.
        - `revision`: the branch, created if absent; `None` for the default branch.
        - `create_pr`: open a pull request instead, to an existing branch.
        - `token`: `None` for the stored one.

        Returns the URL of the commit or pull request; of the last commit if nothing has changed.
        Raises a `ValueError` if the name is invalid, if permission is missing, or if `private` is
        set and the repo is public; a `ConnectionError` if the Hub does not answer. After an error
        the repo is unchanged, or empty if it is new, unless only the Hub's answer was lost.
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
        """Load a model that `save_pretrained` or `push_to_hub` wrote.

        - `repo_or_folder`: a folder, or `user/name` or `user/name@revision` on the Hugging Face
          Hub. An existing folder takes precedence, and then the network is not used.
        - `revision`: branch, tag or commit; `None` for `main`.
        - `token`: `None` for the stored one, `False` for none.
        - `cache_dir`: where downloads are kept; `None` for the Hub's cache.
        - `force_download`: download even what is in the cache.
        - `local_files_only`: use the cache only.
        - `dtype`: of the weights; `None` keeps the saved one, except that float64 becomes float32
          without `jax_enable_x64`. Images must have the same dtype.
        - `sharding`: placement of the weights, each device reading its own part; `None` for the
          default device.

        Only JSON and safetensors are read, so a file cannot execute anything, and a file larger
        than its configuration accounts for is refused before it is downloaded or loaded. Raises a
        `ValueError` if there is no such model or no permission to read it, if a file is damaged,
        or if the weights do not match the configuration, listing what is missing, unexpected or of
        another shape; a `ConnectionError` if the model is not cached and the Hub does not answer;
        another `OSError` if the cache cannot be written.
        """
        dtype = None if dtype is None else _validate_dtype(dtype)
        options: dict[str, Any] = dict(
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )
        place = remote.locate(repo_or_folder, revision=revision, **options)
        path = place.fetch(CONFIG, config_file.MAX_BYTES)
        with name_file_in_errors(path, place.advice):
            fields, saved_as = config_file.read(path, cls.model_type)
            config = cls.config_from_dict(fields)
        skeleton = _skeleton(cls, config)
        numbers = sum(map(math.prod, serialisation.named_shapes(skeleton).values()))
        path = place.fetch(WEIGHTS, serialisation.MAX_HEADER_BYTES + 8 * numbers)
        with name_file_in_errors(path, place.advice):
            check_fingerprints(saved_as, path)
            model = serialisation.load_tree(skeleton, path, dtype=dtype, sharding=sharding)
        return model.completed(sharding=sharding, **options)


def _skeleton(cls: type[Model], config: Config) -> Model:
    """Return a model with shapes in place of arrays."""
    return eqx.filter_eval_shape(cls, config, key=jax.random.key(0))


@contextlib.contextmanager
def name_file_in_errors(path: Path, advice: str) -> Iterator[None]:
    """Add the path and the advice to the message of a `ValueError` in the block."""
    try:
        yield
    except ValueError as error:
        said = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise ValueError(said + advice) from error


def check_fingerprints(saved_as: str | None, weights: Path) -> None:
    """Raise a `ValueError` if configuration and weights have different fingerprints."""
    found = serialisation.read_metadata(weights).get("fingerprint")
    if saved_as is not None and found is not None and saved_as != found:
        raise ValueError(
            f"{CONFIG} and {WEIGHTS} are of two models, by their fingerprints, as after a save "
            "that was cut short: save the model again."
        )


def _encode(card: str) -> bytes:
    """Encode a card as UTF-8, escaping what is not: the name of a folder need not be UTF-8."""
    return card.encode(errors="backslashreplace")


def _validate_dtype(dtype: DTypeLike) -> jnp.dtype:
    """Return the dtype if weights can have it. Raises a `ValueError` otherwise."""
    valid = f"dtype must be {', '.join(DTYPES)}"
    try:
        wanted = jnp.dtype(dtype)
    except TypeError:
        raise ValueError(f"{valid}; got {dtype!r:.60}.") from None
    if wanted.name not in DTYPES:  # not in 8 bits: JAX computes little in them
        raise ValueError(f"{valid}; got {wanted}.")
    if jax.dtypes.canonicalize_dtype(wanted) != wanted:
        raise ValueError(f"dtype {wanted} needs jax.config.update('jax_enable_x64', True).")
    return wanted
