"""Steps that clean one picture."""
