"""MMAction2: its datasets, frame sampling and decoding, with what cdb_video adds."""
