"""The student answers like the teacher, and is small."""

import pickle

import numpy as np
from data import load_split
from distilled import mixed
from tests.unit.examples.trained import trained


def test_the_student_is_as_right_as_the_teacher_within_the_margin_of_its_gate() -> None:
    _, held_out = load_split()
    teacher, student = (trained(version).score(*held_out) for version in ("teacher", "student"))
    assert teacher > 0.98
    assert student > teacher - 0.01


def test_the_student_agrees_with_the_teacher() -> None:
    _, held_out = load_split()
    answers = [trained(version).predict(held_out.pixels) for version in ("teacher", "student")]
    assert np.mean(answers[0] == answers[1]) > 0.98


def test_the_student_is_a_fortieth_of_the_teacher() -> None:
    teacher, student = (len(pickle.dumps(trained(version))) for version in ("teacher", "student"))
    assert student < teacher / 40


def test_the_teacher_is_not_packed_with_the_student() -> None:
    assert [name for name, _ in trained("student").steps] == ["kernels", "linear"]


def test_mixed_images_are_between_images() -> None:
    training, _ = load_split()
    images = mixed(training.pixels)
    assert images.shape == (5 * len(training.pixels), 64)
    assert (images.min(), images.max()) == (training.pixels.min(), training.pixels.max())
    assert np.array_equal(images[: len(training.pixels)], training.pixels)
