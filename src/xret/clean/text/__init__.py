"""Steps that clean one caption."""
