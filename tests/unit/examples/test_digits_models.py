"""What the stories of the demo rest on: how the versions of the digit classifier differ."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from data import load_split
from images import MAX_SHIFT, SIDE, shift_tolerant_distance, trim_faint_borders
from tests.unit.examples.trained import trained
from train import MODELS

BENTO = Path(__file__).parents[3] / "examples" / "digits"


def accuracy(version: str) -> float:
    _, held_out = load_split()
    return trained(version).score(held_out.pixels, held_out.digits)


def test_v2_is_right_more_often_than_v1() -> None:
    assert accuracy("v2") > accuracy("v1") + 0.05


def test_the_first_champion_beats_the_majority_class_by_far() -> None:
    assert accuracy("v1") > accuracy("majority") + 0.5


def test_v3_is_as_accurate_as_v2_when_evaluated_offline_in_one_batch() -> None:
    assert accuracy("v3") == pytest.approx(accuracy("v2"))


def test_v3_raises_on_a_third_to_a_half_of_single_requests() -> None:
    classifier = trained("v3")
    _, held_out = load_split()

    def raises(pixels: np.ndarray) -> bool:
        try:
            classifier.predict_proba(pixels[np.newaxis])
        except ValueError:
            return True
        return False

    share = np.mean([raises(pixels) for pixels in held_out.pixels])
    assert 1 / 3 < share < 1 / 2


def test_v4_is_right_about_some_images_that_v2_gets_wrong() -> None:
    _, held_out = load_split()
    wrong = trained("v2").predict(held_out.pixels) != held_out.digits
    assert trained("v4").score(held_out.pixels[wrong], held_out.digits[wrong]) > 0


def test_only_v5_cannot_be_loaded_from_the_files_that_the_bento_packs(tmp_path: Path) -> None:
    for file in yaml.safe_load((BENTO / "bentofile.yaml").read_text())["include"]:
        shutil.copy(BENTO / file, tmp_path)
    for version in MODELS:
        (tmp_path / f"{version}.pkl").write_bytes(pickle.dumps(trained(version)))
    script = (
        "import pathlib, pickle\n"
        "for path in sorted(pathlib.Path().glob('*.pkl')):\n"
        "    try:\n"
        "        pickle.loads(path.read_bytes())\n"
        "        print(path.stem, 'loaded')\n"
        "    except (AttributeError, ImportError) as error:\n"
        "        print(path.stem, type(error).__name__)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = dict(line.split() for line in run.stdout.splitlines())
    assert loaded == {**dict.fromkeys(MODELS, "loaded"), "v5": "ModuleNotFoundError"}


def test_trimming_keeps_the_rows_that_any_image_of_the_batch_inks() -> None:
    faint_top, full = np.full((SIDE, SIDE), 16.0), np.full((SIDE, SIDE), 16.0)
    faint_top[0] = 8
    batch = np.stack([faint_top.ravel(), full.ravel()])
    assert trim_faint_borders(batch).shape == (2, SIDE * SIDE)
    assert trim_faint_borders(batch[:1]).shape == (1, SIDE * (SIDE - 1))


@pytest.mark.parametrize("rows", range(-MAX_SHIFT, MAX_SHIFT + 1))
@pytest.mark.parametrize("columns", range(-MAX_SHIFT, MAX_SHIFT + 1))
def test_an_image_is_at_no_distance_from_itself_moved_a_little(rows: int, columns: int) -> None:
    image = np.zeros((SIDE, SIDE))
    image[MAX_SHIFT:-MAX_SHIFT, MAX_SHIFT:-MAX_SHIFT] = np.arange(16).reshape(4, 4)
    moved = np.roll(image, (rows, columns), axis=(0, 1))
    assert shift_tolerant_distance(image.ravel(), moved.ravel()) == 0
