"""Distillation: one number that says how far a student's vectors are from saying what its teacher's say.

Every method is an `nn.Module` in a file of its own, chosen by ``distillation=<file name>``. It is called as::

    method(student, teacher, positives, weight=None) -> scalar

    student    modality -> (B, D) float, unit vectors of the pairs; what is trained
    teacher    modality -> (B, E) float, unit vectors of the same pairs, of the same modalities
    positives  (B, B) bool, pair i and pair j are the same thing
    weight     (B,) float, how much a pair counts, at least zero; None: all the same

A method with the class attribute ``sized = True`` is built with `student_dim` D and `teacher_dim` E beside what the
option holds; the others take any two widths. All of them hold to this:

- The teacher is a constant: its vectors get no gradient.
- They compute in float32, whatever the vectors come in.
- ``weight`` makes means weighted means: its unit does not matter, and a pair of weight zero has nothing to say.
- Where there is nothing to compare, the value is zero and can still be differentiated.
"""
