"""Reports per class: tables for the console, and files for the work directory."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdb_video.report.class_report.file import write_class_report as write_class_report
    from cdb_video.report.class_report.rows import class_rows as class_rows
    from cdb_video.report.class_report.text import format_summary as format_summary
    from cdb_video.report.class_report.text import format_table as format_table
else:
    from cdb_video.lazy_names import lazy_names

    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            'report.class_report.file': ['write_class_report'],
            'report.class_report.rows': ['class_rows'],
            'report.class_report.text': ['format_summary', 'format_table'],
        },
    )
