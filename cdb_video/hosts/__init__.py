"""Host libraries, one folder each: the only place that imports mmaction, mmcv, mmpretrain and mmdet."""
