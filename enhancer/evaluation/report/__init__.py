"""An evaluation as one HTML file that opens offline: nothing is loaded, everything from outside is escaped."""

from enhancer.evaluation.report.material import Material
from enhancer.evaluation.report.page import is_report, write_report

__all__ = ["Material", "is_report", "write_report"]
