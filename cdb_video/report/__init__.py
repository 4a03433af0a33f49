"""Reports per class: tables for the console, and files for the work directory."""

from cdb_video.report.class_report.file import write_class_report
from cdb_video.report.class_report.rows import class_rows
from cdb_video.report.class_report.text import format_summary, format_table

__all__ = ['class_rows', 'format_summary', 'format_table', 'write_class_report']
