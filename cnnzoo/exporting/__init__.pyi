from ._verification import Verification as Verification
from .formats import FORMATS as FORMATS
from .formats import Format as Format
from .writing import Exported as Exported
