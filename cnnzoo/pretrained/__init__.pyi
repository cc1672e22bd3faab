from .load import vgg19 as vgg19
