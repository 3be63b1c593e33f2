"""Recording both sides of live sound: aligned, and never in the way of the sound."""

import numpy as np
import pytest
import soundfile

from enhancer.errors import OutputError
from enhancer.live.recorder import Recorder
from enhancer.live.recording_paths import SIDES

HOP, DELAY = 480, 960


def test_both_sides_are_recorded_and_aligned(tmp_path):
    recorder = Recorder(tmp_path / "new", 48_000, 1, DELAY)
    sound = (0.1 * np.random.default_rng(1).standard_normal((50 * HOP, 1))).astype(np.float32)
    late = np.concatenate([np.zeros((DELAY, 1), np.float32), sound])[: len(sound)]
    for start in range(0, len(sound), HOP):
        recorder.hear(sound[start : start + HOP], late[start : start + HOP])
    recorder.close()
    heard, passed = (soundfile.read(path, dtype="float32")[0] for path in recorder.paths)
    assert [path.stem.split("-")[-1] for path in recorder.paths] == list(SIDES)
    assert np.abs(heard - sound[:, 0]).max() < 1e-6
    assert np.abs(passed - sound[:-DELAY, 0]).max() < 1e-6


def test_a_second_recording_in_the_same_second_has_names_of_its_own(tmp_path):
    recorders = [Recorder(tmp_path, 48_000, 1, 0) for _ in range(3)]
    for recorder in recorders:
        recorder.hear(np.full((HOP, 1), 0.1, np.float32), np.full((HOP, 1), 0.1, np.float32))
        recorder.close()
    assert len(list(tmp_path.iterdir())) == 6


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot record into"):
        Recorder(tmp_path / "file", 48_000, 1, 0)


def test_a_full_disk_ends_the_recording_and_nothing_else(small_disk):
    recorder = Recorder(small_disk, 48_000, 1, 0)
    noise = np.random.default_rng(1).uniform(-1, 1, (HOP, 1)).astype(np.float32)
    for _ in range(2000):
        recorder.hear(noise, noise)
    recorder.close()
    assert recorder.error
    with soundfile.SoundFile(recorder.paths[0]) as file:  # its header does not know the length
        heard = file.read(HOP, dtype="float32")
    assert np.abs(heard - noise[:, 0]).max() < 1e-6
