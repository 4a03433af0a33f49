"""VideoError: why a file cannot be read as a video; commands say which file it is."""


class VideoError(ValueError):
    """A video file cannot be opened, or not be read completely; the message says why, not which."""
