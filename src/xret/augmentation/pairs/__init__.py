"""Operations that make a new pair of two.

A pair made of two things holds both groups: see `xret.data.batch.Batch.others` for what it is right and wrong for.
"""
