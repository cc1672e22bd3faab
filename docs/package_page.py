"""What a package index shows of cnnzoo: README.md with addresses in place of paths, and the project's links.

Hatch runs this when it builds the package. README.md itself keeps its paths, for whoever reads a checkout.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PATH = re.compile(r"(?<=\]\()(?!https?://|mailto:|#)[^)\s]+")  # of a file that Markdown links to or shows
PICTURES = (".png", ".svg", ".jpg", ".gif")


def with_addresses(text: str, repository: str, tag: str) -> str:
    """Return Markdown whose paths are addresses of these files, as they were in the release of that tag."""

    def address(match: re.Match[str]) -> str:
        kind = "raw" if match[0].endswith(PICTURES) else "blob"
        return f"{repository}/{kind}/{tag}/{match[0]}"

    return PATH.sub(address, text)


class PackagePage(MetadataHookInterface):
    """Adds the page and the links to the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        repository, tag = self.config["repository"], f"v{metadata['version']}"
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_addresses(readme, repository, tag),
        }
        metadata["urls"] = {
            "Repository": repository,
            "Documentation": f"{repository}/tree/{tag}/docs",
            "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
            "Issues": f"{repository}/issues",
        }
