"""Pages as a reader finds them: text and tables, without the markup."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """What a page holds.

    Attributes:
        tables: By their region's label, rows of cells.
        addresses: What the page points to, by any attribute.
        text: All that is written on it, in the order of the page.
        tags: Names of all elements.
        pictures: Images within figures.
    """

    def __init__(self, path):
        super().__init__()
        self.tables, self.addresses, self.tags = {}, [], []
        self.pictures = 0
        self._text, self._stack, self._label = [], [], ""
        self.feed(Path(path).read_text(encoding="utf-8"))
        self.text = " ".join("".join(self._text).split())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.pictures += tag == "img" and "figure" in self._stack
        if tag not in VOID:
            self._stack.append(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href", "action", "srcset", "data")]
        if attributes.get("role") == "region":
            self._label = attributes["aria-label"]
        if tag == "table":
            self.tables[self._label] = []
        if tag == "tr":
            self.tables[self._label].append([])
        if tag in ("td", "th"):
            self.tables[self._label][-1].append("")

    def handle_endtag(self, tag):
        while self._stack and self._stack.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" in self._stack or "script" in self._stack:
            return
        self._text.append(data)
        if "td" in self._stack or "th" in self._stack:
            self.tables[self._label][-1][-1] += data.strip()
