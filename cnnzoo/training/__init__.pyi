from .fit import fit as fit
from .recipe import Recipe as Recipe
from .recipe import default_recipe as default_recipe
from .run import Run as Run
from .run import load_run as load_run
from .train import train as train
