"""A course of difficulty without any host: what is counted, handed on and recorded, and who keeps it."""
