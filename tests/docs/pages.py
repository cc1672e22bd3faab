"""The code in pages of the documentation: blocks, in order, each with its caption."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```\{code-block\} python\n:caption: ([^\n]+)\n\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """Return (caption, code) of each captioned block."""
    return BLOCK.findall((DOCS / f"{page}.md").read_text(encoding="utf-8"))


def run(page, *captions):
    """Run the blocks under ``captions`` in order; return the namespace of each. Those under "both" run in all."""
    namespaces = [{} for _ in captions]
    for caption, code in blocks(page):
        for name, namespace in zip(captions, namespaces, strict=True):
            if caption in (name, "both"):
                exec(compile(code, f"{page}.md: {caption}", "exec"), namespace)
    return namespaces
