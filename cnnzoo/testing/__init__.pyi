from .layers import assert_layers as assert_layers
from .network import CHECKS as CHECKS
from .network import check_network as check_network
from .outputs import assert_equal_outputs as assert_equal_outputs
from .pins import Pin as Pin
