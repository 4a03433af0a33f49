"""Reading clips fast: videos and packs, what of a frame is converted, and what stands in for a damaged clip.

Pure of torch and of the hosts; `cdb_video.hosts.mmaction.decode` makes transforms of it. See docs/data/fast_clips.md.
"""
