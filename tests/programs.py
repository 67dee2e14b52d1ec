"""A page's programs, ``# name.py`` in their first line, run as a reader would run them, and where its links lead."""

import os
import re
import subprocess
import sys

from names import ROOT


class Page:
    """``programs`` by name, and the targets of ``links``, of docs/NAME.md."""

    def __init__(self, name):
        self.path = ROOT / "docs" / f"{name}.md"
        text = self.path.read_text(encoding="utf-8")
        self.links = re.findall(r"\]\(([^)\s]+)\)", text)
        self.programs = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```", text, re.DOTALL | re.MULTILINE))

    def printed(self, name, folder):
        """What the program prints; Taichi reads its source from the file."""
        (folder / f"{name}.py").write_text(self.programs[name], encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}  # threads wait for busy cores
        command = [sys.executable, f"{name}.py"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def require_target(self, link):
        """Fails unless there is a file, with the heading that the link may name."""
        path, _, anchor = link.partition("#")
        page = (ROOT / "docs" / path).resolve() if path else self.path
        assert page.exists(), link
        titles = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
        assert not anchor or anchor in anchors, link


def numbers(text):
    """Every decimal number of a text."""
    return [float(number) for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", text)]
