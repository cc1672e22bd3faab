from ._export import Exported as Exported
from ._export import export as export
from ._verification import Verification as Verification
from .formats import FORMATS as FORMATS
from .formats import Format as Format
