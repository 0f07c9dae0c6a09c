"""What is minimised: the loss of a batch, its terms, and the pixels that it is estimated from.

Stands on `isa_eqx`, `training.config` and `training.data`. A term of the loss is a function of
`terms.py`, which `loss.py` adds. Import from here, and from these modules to study them.
"""

from .loss import batch_loss as batch_loss
