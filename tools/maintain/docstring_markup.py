"""Docstrings as Markdown: what is written for readers of the source and means something else there."""

import re
from typing import Any

from griffe import Extension, Object

CODE_FOLLOWS = re.compile(r'::$', flags=re.MULTILINE)
COMPARISON_FIRST = re.compile(r'^(\s+\w+: )>', flags=re.MULTILINE)


class DocstringMarkup(Extension):
    """Makes of ``::`` before a block of code a colon, and of ``argument: >= 0`` no quotation."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Change the docstring of an object that has been read."""
        if obj.docstring is not None:
            text = CODE_FOLLOWS.sub(':', obj.docstring.value)
            obj.docstring.value = COMPARISON_FIRST.sub(r'\1\\>', text)
