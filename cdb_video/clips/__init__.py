"""Reading clips fast: videos and packs, what of a frame is converted, and what stands in for a damaged clip.

Pure of mmengine and mmaction2; `cdb_video.clip_transforms` makes transforms of it. docs/data/fast_clips.md explains.
"""
