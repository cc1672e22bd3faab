"""How counts are written out."""


def counted(count: int, noun: str) -> str:
    """Return ``count`` with ``noun`` in the singular or the plural.

    >>> counted(1, "epoch"), counted(1_000, "image")
    ('1 epoch', '1,000 images')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
