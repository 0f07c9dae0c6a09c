"""Import every module of the distribution that is installed in an environment, and only there."""

import importlib
import pkgutil
import sys
from pathlib import Path

environment = Path(sys.argv[1]).resolve()
for top in ("hub", "isa_eqx", "training", "demo"):
    package = importlib.import_module(top)
    assert Path(package.__file__).is_relative_to(environment), package.__file__
    for module in pkgutil.walk_packages(package.__path__, f"{top}."):
        importlib.import_module(module.name)
for top in ("tests", "benchmarks"):
    assert importlib.util.find_spec(top) is None, f"{top} is installed"
