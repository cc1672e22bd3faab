from .torch import Exported as Exported
from .torch import export_torch as export_torch
