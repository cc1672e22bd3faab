from .layers import LayerRow as LayerRow
from .layers import LayerTable as LayerTable
from .layers import layer_table as layer_table
