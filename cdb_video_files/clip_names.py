"""EGTEA's clip names -> session, time and frames."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdb_video_files.records import AnnotationError

_CLIP_NAME = re.compile(
    r'(?P<subject>[A-Za-z]+[0-9]+)-(?P<recipe_id>R[0-9]+)-(?P<recipe>[^\s/\\\x00-\x1f\x7f-]+)'
    r'-(?P<start_ms>0|[1-9][0-9]{0,11})-(?P<end_ms>[1-9][0-9]{0,11})'
    r'-F(?P<start_frame>[0-9]{6}|[1-9][0-9]{6,11})-F(?P<end_frame>[0-9]{6}|[1-9][0-9]{6,11})',
    re.ASCII,
)


@dataclass(frozen=True, order=True)
class ClipName:
    """`P04-R06-GreekSalad-682170-683940-F016368-F016419`, in parts.

    Attributes:
        subject: 'P04' or 'OP01'.
        recipe_id: 'R06'.
        recipe: 'GreekSalad'; no dash, no blank, no slash.
        start_ms: Start of the action in the session's video, milliseconds, as annotated.
        end_ms: Its end, milliseconds.
        start_frame: First frame of the clip in the session's video, at 24 fps; EGTEA pads the
            action by a tenth of its duration on each side.
        end_frame: Frame after which the clip ends.
    """

    subject: str
    recipe_id: str
    recipe: str
    start_ms: int
    end_ms: int
    start_frame: int
    end_frame: int

    @property
    def session(self) -> str:
        """The recording that the clip was cut from, and its folder: 'P04-R06-GreekSalad'."""
        return f'{self.subject}-{self.recipe_id}-{self.recipe}'

    @property
    def path(self) -> str:
        """`<session>/<clip>`: its place below frames and, plus '.mp4', below cropped_clips."""
        return f'{self.session}/{self}'

    def __str__(self) -> str:
        """The name as EGTEA writes it."""
        frames = f'F{self.start_frame:06d}-F{self.end_frame:06d}'
        return f'{self.session}-{self.start_ms}-{self.end_ms}-{frames}'


def parse_clip_name(name: str) -> ClipName:
    """Take a clip name apart; `str()` of the result is `name` again.

    Raises:
        AnnotationError: If the name does not have EGTEA's seven parts, or ends before it starts.
    """
    match = _CLIP_NAME.fullmatch(name)
    if match is None:
        raise AnnotationError(
            f'clip name {name!r} is not <subject>-R<nn>-<recipe>-<start ms>-<end ms>-F<frame>-F<frame>',
            'Give it the form of P04-R06-GreekSalad-682170-683940-F016368-F016419',
        )
    part = match.groupdict()
    numbers = [int(part[key]) for key in ('start_ms', 'end_ms', 'start_frame', 'end_frame')]
    if numbers[1] <= numbers[0] or numbers[3] <= numbers[2]:
        raise AnnotationError(
            f'clip name {name!r} ends ({numbers[1]} ms, frame {numbers[3]}) before it starts '
            f'({numbers[0]} ms, frame {numbers[2]})',
            'Correct its times and frames',
        )
    return ClipName(part['subject'], part['recipe_id'], part['recipe'], *numbers)
