"""Links out of pages to files and folders of the repository: to pages that show those."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "source"
LINK = re.compile(r"(?<!!)(\[[^\]]*\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`(?!\]))", re.MULTILINE | re.DOTALL)  # but not code that is a link's text
LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml", ".sh": "bash", "": "make"}


class Sources:
    """The files and folders that links have led to, of which ``write`` makes pages."""

    def __init__(self, pages):
        """``pages``: paths of Markdown files below the root, as strings, that have pages already."""
        self.pages, self.found = set(pages), set()

    def relinked(self, text, page):
        """The Markdown of a page with links that lead to pages: ``docs/sdf.md`` stays, ``demos/nerf.py`` does not.

        Raises:
            FileNotFoundError: a link leads nowhere.
        """
        parent = (ROOT / page).parent

        def lead(match):
            before, target, _ = match.groups()
            if "://" in target or target.startswith("mailto:"):
                return match[0]
            path = os.path.relpath((parent / target).resolve(), ROOT)
            if not (ROOT / path).exists():
                raise FileNotFoundError(f"{page}: {target}: no such file")
            if path in self.pages or path.endswith((".png", ".gif", ".svg")):
                return match[0]
            self.found.add(path)
            return f"{before}{os.path.relpath(ROOT / FOLDER / path, parent)}.md)"

        parts = CODE.split(text)  # code is every second one
        return "".join(part if number % 2 else LINK.sub(lead, part) for number, part in enumerate(parts))

    def write(self, folder):
        """Writes the pages into ``folder``, those of files that folders list included."""
        for path in sorted(self.found):
            if (ROOT / path).is_dir():
                self.found |= {str(name.relative_to(ROOT)) for name in (ROOT / path).glob("*.py")}
        for path in sorted(self.found):
            target = folder / FOLDER / f"{path}.md"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self._listing(path) if (ROOT / path).is_dir() else shown(path), encoding="utf-8")

    def _listing(self, path):
        names = sorted(Path(name).name for name in self.found if Path(name).parent == Path(path))
        links = "\n".join(f"* [{name}]({Path(path).name}/{name}.md)" for name in names)
        return f"---\norphan: true\n---\n\n# {path}\n\n{links}\n"


def shown(path):
    """The page of a file: its path, and its text with numbered lines."""
    text = (ROOT / path).read_text("utf-8")
    fence = "`" * (2 + max(map(len, re.findall("`+", text)), default=1))
    language = LANGUAGES.get(Path(path).suffix, "text")
    return f"---\norphan: true\n---\n\n# {path}\n\n{fence}{{code-block}} {language}\n:linenos:\n\n{text}{fence}\n"
