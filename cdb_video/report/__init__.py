"""Reports per class: tables for the console, and files for the work directory."""

from cdb_video.report.class_table import class_rows, format_summary, format_table, write_class_report

__all__ = ['class_rows', 'format_summary', 'format_table', 'write_class_report']
