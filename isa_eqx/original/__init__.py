"""The authors' released weights: 27 folders on the Hub in `ondrejbiza/isa`, MIT licence.

Each holds a Flax checkpoint without a configuration; here the folder's name stands for one.
Stands on the rest of `isa_eqx`. Import from here.
"""

from .convert import NAMES as NAMES
from .convert import architecture as architecture
from .convert import config as config
from .convert import from_params as from_params
from .convert import load as load
