"""What CONTRIBUTING.md asks of every file and a program can see."""

import ast
import io
import tokenize

from names import ROOT, module_files

MOST_PARAMETERS = 12


def test_functions_have_few_parameters():
    """Kernels excepted: Taichi wants every array by itself, and they hand groups on."""
    found = []
    for path in module_files().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and "ti.kernel" not in map(ast.unparse, node.decorator_list):
                names = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                if len(names) > MOST_PARAMETERS:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {len(names)} parameters")
    assert not found, "\n".join(found)


def docstrings_and_comments(path):
    """(line, text) of every line of a docstring, and every comment, of a file."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from enumerate(ast.get_source_segment(text, node).splitlines(), node.lineno)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_formulas_have_one_typography():
    """ASCII, so that one search finds the formula and the code (CONTRIBUTING.md, Style)."""
    others = [
        f"{path.relative_to(ROOT)}:{line}: {text.strip()}"
        for path in module_files().values()
        for line, text in docstrings_and_comments(path)
        if not text.isascii()
    ]
    assert not others, "\n".join(others)
