"""The devices and hosts of a run: what each has, what they tell each other, who is asked to stop.

Stands on `training.config`. How a batch is split between devices is in `devices.py`. Import from
here.
"""

from .devices import agree as agree
from .devices import all_devices as all_devices
from .devices import count_cores as count_cores
from .devices import gather as gather
from .devices import make_mesh as make_mesh
from .devices import replicate as replicate
from .devices import share_out as share_out
from .devices import split as split
from .devices import use_all_cores as use_all_cores
from .hosts import HostOptions as HostOptions
from .hosts import exit_if_one_is_lost as exit_if_one_is_lost
from .hosts import is_main as is_main
from .hosts import join as join
from .hosts import on_main as on_main
from .hosts import tell as tell
from .signals import defer_signals as defer_signals
from .signals import exit_status as exit_status
