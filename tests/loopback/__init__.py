"""A Hugging Face Hub on this machine, for the real client to talk to."""

from .endpoints import OWNER as OWNER
from .endpoints import READER as READER
from .endpoints import STRANGER as STRANGER
from .server import LoopbackHub as LoopbackHub
