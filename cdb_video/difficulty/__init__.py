"""Class difficulty: the vector, what it is made from and what is made from it."""
