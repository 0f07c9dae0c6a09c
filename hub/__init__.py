"""Pytrees as named arrays, and models as folders."""

from .files import atomic_file as atomic_file
from .files import atomic_folder as atomic_folder
from .pretrained import AbstractPretrained as AbstractPretrained
from .tree import fill as fill
from .tree import named_arrays as named_arrays
from .tree import named_shapes as named_shapes
from .tree import read as read
from .tree import write as write
