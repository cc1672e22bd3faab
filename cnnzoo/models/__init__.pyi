from . import catalog as catalog
from .alexnet import alexnet as alexnet
from .lenet import lenet5 as lenet5
from .vgg import vgg19 as vgg19
