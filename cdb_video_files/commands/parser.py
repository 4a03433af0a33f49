"""The parser of the commands' arguments: an option that there is not is refused with the nearest that there is."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence


class CommandParser(argparse.ArgumentParser):
    """argparse's parser, which of a misspelt option says more than that it is not recognised."""

    def parse_args(  # type: ignore[override]  # argparse's overloads say that of a namespace of one's own more is known
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """As in argparse; what is left over ends the program with status 2, the nearest option and all."""
        found, left_over = self.parse_known_args(args, namespace)
        if left_over:
            self.error(explain_left_over(self, left_over))
        return found


def explain_left_over(parser: argparse.ArgumentParser, words: Sequence[str]) -> str:
    """What is said of words that no option and no argument of a parser takes.

    Args:
        parser: That left them over.
        words: In their order, at least one.
    """
    options = sorted({name for action in parser._actions for name in action.option_strings if name.startswith('--')})
    said = f'unrecognized arguments: {" ".join(words)}'
    unknown = [word.partition('=')[0] for word in words if word.startswith('-')]
    if not unknown:
        return f'{said}; more words than it takes'
    nearest = [match for word in unknown for match in difflib.get_close_matches(word.replace('_', '-'), options, 1)]
    hint = f', perhaps {" and ".join(dict.fromkeys(nearest))}' if nearest else ''
    return f'{said}; there is no option {" or ".join(unknown)}{hint}: the options are {", ".join(options)}'
