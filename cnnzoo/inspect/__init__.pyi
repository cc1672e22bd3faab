from .diagram import diagram as diagram
from .diagram import write_diagram as write_diagram
from .features import features as features
from .gradcam import gradcam as gradcam
from .layers import LayerRow as LayerRow
from .layers import LayerTable as LayerTable
from .layers import layer_table as layer_table
from .occlusion import occlusion as occlusion
