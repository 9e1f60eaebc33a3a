from . import drawing as drawing
from .drawing import Drawing as Drawing
from .terminal import summary as summary
from .write import write_report as write_report, writing_report as writing_report

__all__ = ["Drawing", "drawing", "summary", "write_report", "writing_report"]
