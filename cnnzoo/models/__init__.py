"""The networks, one file a paper, and the catalog that describes them."""

import lazy_loader

from cnnzoo._support.lookup import did_you_mean

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Import what the stub lists when it is first asked for."""
    try:
        return _load(name)
    except AttributeError:
        suggestion = did_you_mean(name, __all__, cutoff=0.7)
        raise AttributeError(
            f"module '{__name__}' has no attribute '{name}'{suggestion and f'.{suggestion}'}", name=name
        ) from None
