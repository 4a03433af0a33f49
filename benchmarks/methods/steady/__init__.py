"""The plan of steady difficulty: what runs, its tests, what is explored, and the page of its results."""
