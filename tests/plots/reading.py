"""Figures, read."""


def text_of(figure):
    """Return all texts in a figure."""
    return [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
