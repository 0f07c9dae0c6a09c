"""Scenes to train on and to score: drawn, cached in memory, or streamed from a mirror.

Stands on `hub.mirror`, `isa_eqx` and `training.config`. Import from here.
"""

from hub.mirror import PROCEDURAL as PROCEDURAL

from .catalogue import DATASETS as DATASETS
from .catalogue import dataset as dataset
from .export import procedural_release as procedural_release
from .fitting import resize_image as resize_image
from .fitting import shape_crop as shape_crop
from .palette import COLOURS as COLOURS
from .palette import draw_axes as draw_axes
from .procedural.tetrominoes import colour_and_shape as colour_and_shape
from .procedural.world import pose as pose
from .resize import Resize as Resize
from .scenes import Batch as Batch
from .scenes import Batches as Batches
from .scenes import FeatureMaps as FeatureMaps
from .scenes import Images as Images
from .scenes import Place as Place
from .scenes import Scenes as Scenes
from .source import default_source as default_source
from .source import describe_data as describe_data
from .source import fitted_components as fitted_components
from .source import load as load
from .source import load_validation as load_validation
from .source import repo_of as repo_of
from .source import resolve as resolve
from .source import short_name as short_name
from .source import split_name as split_name
from .source import stream_batches as stream_batches
from .source import with_validation_features as with_validation_features
