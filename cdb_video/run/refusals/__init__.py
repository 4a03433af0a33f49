"""What cannot work in a run, said before its first step; of one host alone: `hosts/HOST/refusals.py`."""
