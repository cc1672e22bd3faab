from ._gradcam import gradcam as gradcam
from ._occlusion import occlusion as occlusion
from .diagram import diagram as diagram
from .diagram import write_diagram as write_diagram
from .features import features as features
from .layers import LayerRow as LayerRow
from .layers import LayerTable as LayerTable
from .layers import layer_table as layer_table
