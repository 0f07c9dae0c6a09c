"""Pytrees as named arrays; models as folders and as repos of the Hugging Face Hub."""

from .card import loading as loading
from .card import model_card as model_card
from .config_file import LIBRARY as LIBRARY
from .config_file import version as version
from .files import atomic_file as atomic_file
from .files import atomic_folder as atomic_folder
from .pretrained import AbstractPretrained as AbstractPretrained
from .tree import fill as fill
from .tree import named_arrays as named_arrays
from .tree import named_shapes as named_shapes
from .tree import read as read
from .tree import write as write
from .upload import create_repo as create_repo
