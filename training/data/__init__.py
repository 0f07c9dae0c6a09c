"""Scenes to train and to score on."""

from .catalogue import DATASETS as DATASETS
from .catalogue import SPLITS as SPLITS
from .catalogue import Scenes as Scenes
from .catalogue import dataset as dataset
from .catalogue import load as load
