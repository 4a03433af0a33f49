"""What a clip that cannot be read raises, whatever it is stored as."""

from __future__ import annotations

import os

_REMEDY = "Mend or replace the file, take it off the list, or let the dataset replace it: on_error='resample'"


class ClipError(ValueError):
    """A clip cannot be read as it ought to be; the message names the file, the rule that it breaks and a remedy.

    Args:
        path: The file; or the whole message, as torch passes an error of a loader's worker on.
        rule: What is wrong with it.
        remedy: What to do.
    """

    def __init__(self, path: str | os.PathLike[str], rule: str = '', remedy: str = _REMEDY) -> None:
        self.path, self.rule, self.remedy = os.fspath(path), rule, remedy
        super().__init__(f'{self.path}: {rule}. {remedy}' if rule else self.path)

    def __reduce__(self) -> tuple[type[ClipError], tuple[str, str, str]]:
        """Between processes."""
        return type(self), (self.path, self.rule, self.remedy)
