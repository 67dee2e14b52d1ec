"""How Sphinx makes the site of the pages that ``pages`` has put together.

Nothing comes from another host: no fonts, no scripts, and no formulas that a script would have to set.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from extensions import aliases, torchless  # noqa: E402

from taichi_dr.version import __version__ as release  # noqa: E402

aliases.replace()
torchless.replace()

project = "taichi_dr"
html_title = f"taichi_dr {release}"
copyright = "the authors of taichi_dr, MIT licence"
extensions = [
    *("myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"),
    *("extensions.docstrings", "extensions.looks"),
]

html_theme = "furo"
html_static_path = [str(HERE / "style.css")]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
smartquotes_action = "D"  # dashes; quotes stay as they are typed
highlight_language = "text"

autodoc_member_order = "bysource"
maximum_signature_line_length = 70
python_use_unqualified_type_names = True
toc_object_entries = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Arguments", "params_style")]
