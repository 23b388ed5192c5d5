"""Sphinx extension: equations as MathML, which browsers draw without scripts and without network."""

from __future__ import annotations

from typing import Any

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml


def inline(translator: Any, node: Any) -> None:
    """An equation in a line of text."""
    translator.body.append(tex2mathml(node.astext()))
    raise SkipNode


def block(translator: Any, node: Any) -> None:
    """An equation of its own; wide ones scroll."""
    equation = tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="equation">{equation}</div>\n')
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
