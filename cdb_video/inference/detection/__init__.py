"""A trained detector on new images: what it finds in them, as a table, as JSON and drawn."""
