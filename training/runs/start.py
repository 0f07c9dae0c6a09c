"""The runs that a program trains together, and the states that they start with."""

from collections.abc import Sequence

import equinox as eqx

from ..config import TrainConfig
from ..data import fitted_components
from ..distributed import on_main, tell
from ..step import TrainState, initial_state
from . import checkpoint
from .initial import initialise
from .prepare import Plan, ensure_repo
from .seeds import has_diverged
from .summary import is_over


def to_train(planned: Sequence[Plan], alone: bool) -> list[Plan]:
    """Return the runs that are not over yet, and say which are. One that is alone always goes on.

    Raises a `ValueError` if some runs have begun and others have not.
    """
    plans = [one for one in planned if alone or not _left_out(one)]
    _check_together(plans)
    return plans


def first_states(plans: Sequence[Plan]) -> tuple[list[TrainState], float]:
    """Return the states that the runs start with, and the seconds taken, on every host.

    Those that explain features begin with principal components that are fitted here.
    """
    states, seconds = [initial_state(one.config) for one in plans], 0.0

    def started() -> str:
        nonlocal seconds
        for place, one in enumerate(plans):
            if not one.resumed:  # from here on it can be resumed
                states[place] = initialise(with_components(states[place], one.config), one.config)
                checkpoint.save(one.folder, states[place], one.config, seconds)
        step = checkpoint.common_step([one.folder for one in plans]) if len(plans) > 1 else None
        for place, one in enumerate(plans):
            if one.resumed:
                kept = checkpoint.restore(one.folder, states[place], one.config, step)
                states[place], seconds = kept
                ensure_repo(one.repo)
        return str(seconds)

    seconds = float(on_main(started))
    for place, state in enumerate(states):
        arrays, rest = eqx.partition(state, eqx.is_array)
        states[place] = eqx.combine(tell(arrays), rest)
    return states, seconds


def with_components(state: TrainState, config: TrainConfig) -> TrainState:
    """Return a new state with the components that its model is to explain, if it has any."""
    if state.model.components is None or config.init is not None:
        return state
    fitted = fitted_components(config)
    return eqx.tree_at(lambda one: one.model.components, state, fitted)


def _left_out(plan: Plan) -> bool:
    """Return whether a seed is over already, and say so."""
    if over := is_over(plan.folder, plan.config):
        ended = "diverged" if has_diverged(plan.folder) else "been trained"
        print(f"Seed {plan.config.seed} has {ended}, and is left as it is: {plan.folder}")
    return over


def _check_together(plans: Sequence[Plan]) -> None:
    """Raise a `ValueError` if some runs have begun and others have not.

    All would go on from where the last one is: they would lose what they have learnt.
    """
    steps = {one.config.seed: checkpoint.last_step(one.folder) for one in plans}
    begun = [str(seed) for seed, step in steps.items() if step]
    new = [str(seed) for seed, step in steps.items() if step is None]
    if begun and new:
        raise ValueError(
            f"of the seeds, {', '.join(begun)} have begun and {', '.join(new)} have not; finish "
            "the first, leaving the others out of --seeds, then add these."
        )
