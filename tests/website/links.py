"""What the HTML of a site refers to, and whether it is there."""

from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href"}
"""Elements whose target a browser fetches by itself, and the attribute that names it."""


class Page(HTMLParser):
    """A page: ``ids`` that fragments may name, ``links`` that are followed, ``loaded`` what is fetched with it."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loaded, self.pictures = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "img":
            self.pictures.append(found["src"])
        if tag in LOADED and found.get(LOADED[tag]):
            self.loaded.append(found[LOADED[tag]])


@cache
def page(path):
    """The page in a file."""
    return Page(path)


def is_foreign(target):
    """Whether a target is on another host; what is in the page itself (``data:``) is not."""
    return bool(urlsplit(target).netloc) or urlsplit(target).scheme in ("http", "https")


def missing(path):
    """What a page refers to and is not there: files, and anchors in pages."""
    return [target for target in page(path).links + page(path).loaded if not leads_somewhere(path, target)]


def leads_somewhere(path, target):
    """Whether there is what a page's ``target`` names: a file, and the anchor in it; other hosts are not asked."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return True
    found = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not found.is_file():
        return False
    return not parts.fragment or found.suffix != ".html" or unquote(parts.fragment) in page(found).ids
