"""Annotations of objects in images, as COCO and LVIS have them: the file, masks as run lengths and as outlines."""
