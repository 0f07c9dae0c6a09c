"""Saving checkpoints while training goes on."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp

from ..config import TrainConfig
from ..distributed import is_main
from ..step import TrainState
from . import checkpoint


class Saver:
    """Writes checkpoints in a thread, from a copy of the state: the next step overwrites it.

    On several hosts, only host 0 writes.
    """

    def __init__(self, run: Path, config: TrainConfig):
        self._run, self._config = run, config
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._saved: Future[None] | None = None

    def save(self, state: TrainState, seconds: float) -> None:
        """Save a state, once the last one is saved. Raises the `OSError` that this ended in."""
        self.wait()
        if is_main():
            args = (self._run, _copy(state), self._config, seconds)
            self._saved = self._thread.submit(checkpoint.save, *args)

    def wait(self) -> None:
        """Wait until the last state is saved. Raises the `OSError` that this ended in."""
        saved, self._saved = self._saved, None
        try:
            if saved is not None:
                saved.result()
        except OSError as error:
            raise OSError(
                f"a checkpoint could not be saved ({error}); those from before it are in "
                f"{self._run}, to continue with --resume."
            ) from error


@eqx.filter_jit
def _copy(state: TrainState) -> TrainState:
    """Return a copy on the devices, which is made when they come to it."""
    return jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, state)
