"""Drawn shapes with boxes and masks: classes, plan, scenes, annotations, folder."""
