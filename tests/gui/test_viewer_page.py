"""docs/viewer.md: its program runs in a window."""

import os
import re
import subprocess
import sys

from gui.virtual_screen import virtual_screen
from names import ROOT


def test_the_program_in_a_simulations_loop(tmp_path):
    (program,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "viewer.md").read_text(encoding="utf-8"), re.DOTALL
    )
    with virtual_screen(tmp_path) as screen:
        environment = {**os.environ, "DISPLAY": screen.display, "XDG_RUNTIME_DIR": "/tmp"}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("100 steps, ")
