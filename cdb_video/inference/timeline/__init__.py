"""A long video: windows over it, and the page that shows what each of them is."""
