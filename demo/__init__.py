"""What a trained model is for: segment photos, move objects, an app for the browser.

    python -m demo.segment, demo.move, demo.app, demo.space

Stands on `hub`, `isa_eqx` and `training.data`.
"""

from isa_eqx.neighbours import check_neighbours

check_neighbours("hub", "isa_eqx", "training")
