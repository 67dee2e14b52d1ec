"""Makes the site: puts its pages together in ``out/site/made``, and has Sphinx make HTML of them.

make site
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("sphinx") is None:
    sys.exit('expected Sphinx, which this site needs with Python 3.11 or later: pip install "taichi-dr[site]"')

import pages

HERE = Path(__file__).resolve().parent


def build(folder):
    """Makes the site in ``folder / "html"``, in place of one that is there; returns the exit code.

    It is not 0 after a warning, and the site that was there is still there then.
    """
    made = folder / "made"
    shutil.rmtree(made, ignore_errors=True)
    pages.write(made / "pages")
    options = ["-W", "--keep-going", "-q", "-j", "2", "-d", str(made / "doctrees"), "-c", str(HERE)]
    code = subprocess.call([sys.executable, "-m", "sphinx", *options, made / "pages", made / "html"])
    if not code:
        if (folder / "html" / ".buildinfo").exists():
            shutil.rmtree(folder / "html")
        (made / "html").rename(folder / "html")
        shutil.rmtree(made)
    return code


if __name__ == "__main__":
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1] / "out" / "site"
    code = build(out)
    if not code:
        print(out / "html" / "index.html")
    sys.exit(code)
