"""Steps that find rows which harm each other."""
