from .features import features as features
from .layers import LayerRow as LayerRow
from .layers import LayerTable as LayerTable
from .layers import layer_table as layer_table
