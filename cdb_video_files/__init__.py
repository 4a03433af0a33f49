"""Files as they lie on disk: lists, packs, videos; without torch and without a host library."""
