"""Old place of the readers of clips, which are in `cdb_video_files.video` now."""
