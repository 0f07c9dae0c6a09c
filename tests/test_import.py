"""What is not needed is not imported."""

import subprocess
import sys


def test_neither_library_nor_command_imports_what_only_some_commands_need():
    program = (
        "import sys, isa_eqx, hub, training.run;"
        "print({'datasets', 'huggingface_hub', 'matplotlib', 'scipy.optimize'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout == "set()\n", said.stdout + said.stderr
