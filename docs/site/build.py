"""Makes the site: puts its pages together in ``out/site/pages``, and has Sphinx make HTML of them.

make site
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pages

HERE = Path(__file__).resolve().parent


def build(folder):
    """Makes the site in ``folder / "html"``; returns the exit code, which is not 0 after a warning."""
    for name in ("pages", "doctrees", "html"):
        shutil.rmtree(folder / name, ignore_errors=True)
    pages.write(folder / "pages")
    options = ["-W", "--keep-going", "-q", "-j", "2", "-d", str(folder / "doctrees"), "-c", str(HERE)]
    return subprocess.call([sys.executable, "-m", "sphinx", *options, folder / "pages", folder / "html"])


if __name__ == "__main__":
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "out" / "site"
    code = build(out)
    if not code:
        print(out / "html" / "index.html")
    sys.exit(code)
