"""What Sphinx does not do by itself: names of the package lead to what is said of them, pictures to themselves."""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode
from sphinx.util.osutil import relative_uri

NAME = re.compile(r"dr\.([A-Za-z_][\w.]*)(\(.*\))?", re.DOTALL)
BACK = re.compile(r'<a class="viewcode-back" href="[./]*([^"]*)\.html#([^"]*)">.*?</a>')


class Names(SphinxPostTransform):
    """Makes links of code like ``dr.fit_pose`` and ``dr.Camera.orbit(...)``."""

    default_priority = 20

    def run(self, **kwargs):
        """Goes through the code of a page."""
        known = self.env.domains.python_domain.objects
        for code in list(self.document.findall(nodes.literal)):
            match = NAME.fullmatch(code.astext())
            found = match and known.get(f"taichi_dr.{match[1]}")
            if found and not isinstance(code.parent, nodes.reference):
                link = make_refnode(
                    self.app.builder, self.env.current_document.docname, found.docname, found.node_id, code.deepcopy()
                )
                code.replace_self(link)


class Pictures(SphinxPostTransform):
    """Has pictures load when they come into view, and lead to themselves in their full size."""

    default_priority = 20

    def run(self, **kwargs):
        """Goes through the pictures of a page."""
        builder = self.app.builder
        page = builder.get_target_uri(self.env.current_document.docname)
        for image in list(self.document.findall(nodes.image)):
            image["loading"] = "lazy"
            file = f"{builder.imagedir}/{self.env.images[image['uri']][1]}"
            link = nodes.reference("", "", image.deepcopy(), refuri=relative_uri(page, file), internal=True)
            image.replace_self(link)


def without_dead_ends(app, page, template, context, doctree):
    """Takes the ``[docs]`` out of a page of source that lead to what is documented by another name."""
    if page.startswith("_modules/"):
        known = {(found.docname, found.node_id) for found in app.env.domains.python_domain.objects.values()}
        context["body"] = BACK.sub(lambda match: match[0] if match.groups() in known else "", context["body"])


def without_lost_sources(app):
    """Takes modules whose source was not found (the mocked torch) out of the list of all modules."""
    modules = app.env._viewcode_modules
    for name in [name for name, found in modules.items() if not found]:
        del modules[name]
    return ()


def setup(app):
    """Adds all of it."""
    app.add_post_transform(Names)
    app.add_post_transform(Pictures)
    app.connect("html-collect-pages", without_lost_sources, 400)  # before viewcode makes the list
    app.connect("html-page-context", without_dead_ends)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
