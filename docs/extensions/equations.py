"""Sphinx extension: equations as drawings (SVG), which need no scripts, no fonts and no network."""

from __future__ import annotations

from html import escape
from typing import Any

import ziamath
from docutils.nodes import SkipNode
from sphinx.util.logging import getLogger

#: Size of letters in the units of the drawing.
SIZE = 20.0
#: Larger drawings, in letters, are a fault of ziamath: \\left( before a sum gave one of 99.
HIGHEST = 10.0


def svg(tex: str, inline: bool) -> str:
    """The drawing, as large as the text around it, with the equation as text for screen readers."""
    drawn = ziamath.Latex(tex, size=SIZE, inline=inline, color="currentColor").svgxml()
    _, top, width, height = (float(one) / SIZE for one in drawn.get("viewBox").split())
    if height > HIGHEST:
        getLogger(__name__).warning("equation %r is drawn %d letters high", tex, height)
    drawn.set("width", f"{width:.3f}em")
    drawn.set("height", f"{height:.3f}em")
    drawn.set("role", "img")
    drawn.set("aria-label", tex)
    if inline:  # the line of the text is at 0
        drawn.set("style", f"vertical-align: {-(top + height):.3f}em")
    return ziamath.zmath.ET.tostring(drawn, encoding="unicode")


def visit_inline(translator: Any, node: Any) -> None:
    """An equation in a line of text."""
    translator.body.append(svg(node.astext(), inline=True))
    raise SkipNode


def visit_block(translator: Any, node: Any) -> None:
    """An equation of its own; wide ones scroll."""
    drawing = svg(node.astext(), inline=False)
    title = escape(node.astext(), quote=True)
    translator.body.append(f'<div class="equation" title="{title}">{drawing}</div>\n')
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("drawn", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
