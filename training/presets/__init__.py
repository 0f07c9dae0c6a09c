"""The recipes, by name. `python -m training.presets` prints them. Import from here."""

from .command_line import changes as changes
from .command_line import command as command
from .describe import describe as describe
from .on_features import USUAL_BACKBONE as USUAL_BACKBONE
from .recipes import NAMES as NAMES
from .recipes import PRESETS as PRESETS
from .recipes import Preset as Preset
from .recipes import preset as preset
from .recipes import published_recipe as published_recipe
