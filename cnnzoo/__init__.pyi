from . import data as data
from . import evaluation as evaluation
from . import exporting as exporting
from . import inspect as inspect
from . import models as models
from . import play as play
from . import plots as plots
from . import pretrained as pretrained
from . import report as report
from . import testing as testing
from . import training as training
from .exporting.writing import export as export
from .models.catalog import create_model as create_model
from .models.catalog import list_models as list_models
from .models.catalog import model_card as model_card
from .pretrained.transfer import backbone as backbone
from .pretrained.transfer import freeze as freeze
from .pretrained.transfer import unfreeze as unfreeze
from .pretrained.transfer import with_head as with_head

TENSORFLOW_CAME_FIRST: bool
__version__: str
