"""Networks that read letters, made of networks of cnnzoo that read digits."""

from letters.networks import as_taught, frozen_backbone, joined, strokes

__all__ = ["as_taught", "frozen_backbone", "joined", "strokes"]
