"""Scenes to train and to score on."""

from .catalogue import DATASETS as DATASETS
from .catalogue import dataset as dataset
from .resize import Resize as Resize
from .scenes import Batches as Batches
from .scenes import Cursor as Cursor
from .scenes import Images as Images
from .scenes import Scenes as Scenes
from .source import PROCEDURAL as PROCEDURAL
from .source import about as about
from .source import batches as batches
from .source import default as default
from .source import load as load
from .source import repo_of as repo_of
from .source import settled as settled
from .source import short as short
