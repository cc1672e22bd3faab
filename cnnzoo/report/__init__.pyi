from .comparison import Comparison as Comparison
from .comparison import Pair as Pair
from .comparison import Row as Row
from .comparison import write_comparison as write_comparison
from .run_report import Report as Report
from .run_report import write_report as write_report
