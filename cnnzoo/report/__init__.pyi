from .comparison import write_comparison as write_comparison
from .run_report import write_report as write_report
