"""Operations on captions: one word in ten replaced, inserted, deleted, swapped or masked.

Wei and Zou 2019, EDA: Easy Data Augmentation, https://arxiv.org/abs/1901.11196, are the source of most. What a word is
says `xret.augmentation.text._words`.
"""
