"""Checks of annotated objects, in the JSON of COCO and LVIS."""
