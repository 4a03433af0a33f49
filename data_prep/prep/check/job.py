"""A clip that is to be checked, how, and what was seen of it. Imported by worker processes: no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from prep.frames.data_root import clip_of_frames, clip_of_video
from prep.frames.pack import SUFFIX as PACK_SUFFIX


@dataclass(frozen=True)
class Settings:
    """How to look.

    Attributes:
        full: Whether to read every frame, or samples only.
        samples: Frames per clip to read where not all are, >= 1.
        seed: Which ones.
        decord: Whether to read videos with decord too.
    """

    full: bool = False
    samples: int = 3
    seed: int = 0
    decord: bool = False


@dataclass(frozen=True)
class Job:
    """A line of a list.

    Attributes:
        part: 'train', 'val' or 'test'.
        source: 'frames' or 'videos'.
        name: As in the list.
        path: The folder or the pack of frames, or the video.
        frames: How many frames there must be; None = not known.
        slack: How many more or fewer are let pass.
    """

    part: str
    source: str
    name: str
    path: Path
    frames: int | None
    slack: int = 0

    @property
    def key(self) -> str:
        """The clip, whichever list it stands in."""
        return clip_of_video(self.name) if self.source == 'videos' else clip_of_frames(self.name)

    @property
    def is_pack(self) -> bool:
        """Whether the frames are in a pack; looks at the disk."""
        return self.source == 'frames' and self.path.name.endswith(PACK_SUFFIX) and not self.path.is_dir()


@dataclass
class Report:
    """What was seen of a clip.

    Attributes:
        problems: Pairs of kind and detail.
        warnings: Likewise; of what is sound, but may surprise.
        frames_read: Frames that were decoded.
        sha256: Of the video, where known: two clips that share it are the same.
        size: Width and height of its frames, in pixels; None = not known.
        full_size: Whether the frames are as large as those of the video they were made from, so that
            another clip's may be larger; None = not known.
        is_bounded: Whether a video announces a number of frames or a duration; else a cut cannot be seen.
    """

    problems: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    frames_read: int = 0
    sha256: str | None = None
    size: tuple[int, int] | None = None
    full_size: bool | None = None
    is_bounded: bool = True
