from .evaluate import evaluate as evaluate
from .evaluate import predict_probabilities as predict_probabilities
from .metrics import Calibration as Calibration
from .metrics import ClassMetrics as ClassMetrics
from .metrics import Evaluation as Evaluation
from .metrics import Prediction as Prediction
from .paired import PairedTest as PairedTest
from .paired import mcnemar as mcnemar
