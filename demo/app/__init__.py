"""Slots in the browser: `python -m demo.app`. Import from here; notebooks take parts of `demo`."""

from .app import App as App
from .app import main as main
