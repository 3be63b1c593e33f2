"""The bundled clips are complete, small and free; the picture and the tables show what they claim."""

import numpy as np
import pytest

from benchmarks.clips import DEMO, demo_clips
from benchmarks.make_demo_clips import FREE_LICENCES, RECIPES
from benchmarks.picture import ROWS, mel_spectrogram_db
from benchmarks.tables import replace_block
from training.data.corpora import HELD_FOR_DEMO
from training.data.levels import active_level_db

CLIPS = demo_clips()


def test_there_are_clips_of_both_rates_and_a_stereo_one():
    assert {clip.sample_rate for clip in CLIPS} == {16000, 48000}
    assert {clip.channels for clip in CLIPS} == {1, 2}
    assert len({clip.title.split(",")[0] for clip in CLIPS}) >= 4  # languages
    assert sum(path.stat().st_size for path in DEMO.rglob("*.flac")) < 3e6


@pytest.mark.parametrize("clip", CLIPS, ids=[clip.name for clip in CLIPS])
def test_noisy_and_clean_belong_together(clip):
    noisy, clean = clip.noisy(), clip.clean()
    assert noisy.shape == clean.shape == (len(clean), clip.channels)
    assert 4 < len(clean) / clip.sample_rate < 8
    assert np.abs(noisy).max() < 0.95
    voice_db = 10 * np.log10(np.mean([10 ** (active_level_db(x, clip.sample_rate) / 10) for x in clean.T]))
    noise_db = 10 * np.log10(np.mean(np.square(noisy - clean)))
    # The further channel of the stereo pair hears less of the voice than the recipe counts.
    assert voice_db - noise_db == pytest.approx(clip.snr_db, abs=0.5 if clip.channels == 1 else 1.5)


def test_every_source_is_credited_and_free_to_republish():
    rows = [line.split(" | ") for line in (DEMO / "ATTRIBUTION.md").read_text("utf-8").splitlines() if " | " in line]
    rows = [row for row in rows if row[0].removeprefix("| ") in {clip.name for clip in CLIPS}]
    assert {row[0].removeprefix("| ") for row in rows} == {clip.name for clip in CLIPS}
    assert {row[-1].removesuffix(" |").lower() for row in rows} <= set(FREE_LICENCES)


def test_voices_that_are_not_of_the_test_split_are_kept_out_of_training():
    test_split = {"librispeech_train_clean_100/06432.opus", "librispeech_train_clean_100/06413.opus"}
    assert {f"speech/{r.speech}" for r in RECIPES if r.speech not in test_split} == HELD_FOR_DEMO


@pytest.mark.parametrize("sample_rate", [16000, 48000])
def test_a_tone_stands_at_its_pitch_and_level_in_the_picture(sample_rate):
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(sample_rate) / sample_rate)
    column = mel_spectrogram_db(tone, sample_rate)[:, 100]
    mel = lambda hz: 2595 * np.log10(1 + hz / 700)  # noqa: E731
    expected = ROWS * (mel(1000) - mel(60)) / (mel(min(sample_rate / 2, 20000)) - mel(60))
    assert np.argmax(column) == pytest.approx(expected, abs=4)
    assert column.max() == pytest.approx(-20, abs=1)


def test_a_block_between_marks_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n")
    for _ in range(2):
        replace_block(page, "x", "new")
        assert page.read_text() == "a\n<!-- x -->\n```text\nnew\n```\n<!-- /x -->\nb\n"
    with pytest.raises(ValueError, match="no place marked"):
        replace_block(page, "y", "new")
    assert page.parent.joinpath("page.md.part").exists() is False
