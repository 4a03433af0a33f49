"""Images as they lie on disk: folders of pictures, and the archives of data sets."""
