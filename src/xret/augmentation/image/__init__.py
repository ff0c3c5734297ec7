"""Operations on pictures: those of torchvision.transforms.v2, drawn from a generator that is handed over.

What a turn or a smaller scale lays bare gets the brightness ``fill``, white as the ground that transparent pictures are
laid on.
"""
