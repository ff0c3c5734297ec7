"""Steps that make one label of several spellings and names of it."""
