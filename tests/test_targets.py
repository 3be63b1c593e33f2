"""The targets: when an aim counts as met, what is heard in pauses, what the tables and the picture say."""

import json
import math

import numpy as np
import pytest

from benchmarks.targets import aims, cost, full_band, picture, rows, tables
from enhancer.evaluation.peers import PEERS
from enhancer.evaluation.statistics import Mean
from training.data.fixed_sets import Item

RATE = 48_000


def difference(mean: float, half: float = 0.05) -> Mean:
    return Mean(mean, mean - half, mean + half, 200)


def row(verdict: aims.Verdict, unit: str = "") -> rows.Row:
    return rows.Row("a peer", "PESQ-WB", "above", 1.5, 1.4, 0.1, 0.05, 0.15, verdict, 2, unit)


@pytest.mark.parametrize(
    ("aim", "mean", "met", "missed_by"),
    [
        (aims.AtLeast(0.45), 0.46, True, math.nan),
        (aims.AtLeast(0.45), 0.30, False, 0.15),
        (aims.Above(), 0.06, True, math.nan),
        (aims.Above(), -0.02, False, 0.02),
        (aims.Level(), -0.04, True, math.nan),  # the interval holds 0
        (aims.Level(), -0.06, False, 0.06),
        (aims.Level(), 0.30, True, math.nan),
        (aims.Reported(), -0.30, None, math.nan),
    ],
)
def test_an_aim_is_met_or_missed_by_the_mean_distance(aim, mean, met, missed_by):
    verdict = aim.judge(difference(mean))
    assert verdict.met is met
    assert verdict.missed_by == pytest.approx(missed_by, nan_ok=True)


def test_better_within_chance_is_not_above():
    verdict = aims.Above().judge(difference(0.03))
    assert (verdict.met, verdict.why) == (False, "not beyond chance")


def test_a_cost_is_judged_by_its_share_of_the_peers():
    assert aims.Share(3).judge(1 / 3).met and aims.Share().judge(0.99).met
    assert not aims.Share().judge(1.0).met  # as dear is not cheaper
    assert aims.Share(8).judge(0.25).missed_by == pytest.approx(2.0)


def test_verdicts_are_said_in_words():
    assert tables.verdict(row(aims.MET)) == "met"
    assert tables.verdict(row(aims.REPORTED)) == ""
    assert tables.verdict(row(aims.Verdict(False, 0.123))) == "missed by 0.12"
    assert tables.verdict(row(aims.Verdict(False, 2.04), rows.FACTOR)) == "missed by a factor of 2.0"
    assert tables.verdict(row(aims.Verdict(False, why="not beyond chance"))) == "missed: not beyond chance"
    assert tables.count([row(aims.MET), row(aims.REPORTED), row(aims.Verdict(False, 1.0))]) == "1 of 2 aims met"


def test_the_json_of_a_row_holds_numbers_and_null():
    facts = json.loads(json.dumps(row(aims.Verdict(False, why="so")).as_json()))
    assert (facts["difference"], facts["met"], facts["missed_by"], facts["why"]) == (0.1, False, None, "so")


def test_costs_are_compared_at_the_peers_own_rate_and_way():
    costs = dict.fromkeys(PEERS, cost.Cost(16_000, 0.2, 0.1))
    costs |= {cost.OURS[16_000]: cost.Cost(16_000, 0.02, 0.01), cost.OURS[48_000]: cost.Cost(48_000, 0.4, 0.4)}
    against = aims.Against("gtcrn", {}, aims.Share(), aims.Share(20))
    streaming, files = rows.costs("GTCRN", against, costs)
    assert (streaming.difference, streaming.verdict.met) == (pytest.approx(0.1), True)
    assert tables.verdict(files) == "missed by a factor of 2.0"


@pytest.fixture(scope="module")
def item() -> Item:
    """Two seconds of "voice" between two of its pauses, under noise at -20 dB."""
    rng = np.random.default_rng(1)
    clean = np.zeros(4 * RATE, np.float32)
    clean[RATE : 3 * RATE] = 0.1 * rng.standard_normal(2 * RATE)
    noisy = clean + np.float32(0.01) * rng.standard_normal(len(clean)).astype(np.float32)
    return Item(noisy, clean, RATE, 20.0, "hiss", "she", "", False)


@pytest.mark.parametrize("gain_db", [0, -12, -25])
def test_what_is_left_in_pauses_is_measured_against_the_mixture_and_against_speech(item, gain_db):
    estimate = item.clean + (item.noisy - item.clean) * np.float32(10 ** (gain_db / 20))
    heard = full_band.pauses(estimate, item)
    assert heard.left_db == pytest.approx(gain_db, abs=0.1)
    assert heard.level_db == pytest.approx(-20 + 10 * np.log10(2 / 3) + gain_db, abs=0.5)  # 8-24 of 24 kHz


def test_noise_within_words_and_below_8_khz_is_not_noise_in_pauses(item):
    loud = item.clean.copy()
    loud[RATE + RATE // 10 : 3 * RATE - RATE // 10] *= 2
    loud[:RATE] += 0.05 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    assert full_band.pauses(loud, item).level_db < full_band.AUDIBLE_DB


def test_a_voice_without_pauses_says_nothing_of_them(item):
    words = slice(RATE, 3 * RATE)
    spoken = Item(item.noisy[words], item.clean[words], RATE, 20.0, "hiss", "she", "", False)
    heard = full_band.pauses(spoken.noisy, spoken)
    assert math.isnan(heard.left_db) and math.isnan(heard.level_db)


def test_the_ablation_is_read_where_it_is_and_missing_where_it_is_not(tmp_path):
    assert rows.without_distillation(tmp_path / "none.json") == []
    found = [row for ablation in rows.ABLATIONS for row in rows.without_distillation(ablation)]
    assert found and {row.what for row in found} == {"PESQ-WB", "ESTOI", "SI-SDR dB"}
    assert all(row.against.startswith("not distilled") and row.low < row.difference < row.high for row in found)


def test_the_picture_is_small_and_hides_no_label(tmp_path):
    dots = [
        picture.Dot("enhancer", 1.90, 0.04, 0.006, ours=True),
        picture.Dot("One", 1.91, 0.042, 0.042),
        picture.Dot("Another", 1.89, 0.045, 0.045),
        picture.Dot("Whole", 2.2, None, 0.01),
    ]
    picture.draw(dots, 1.3, "four of them", tmp_path / "picture.png")
    assert 2_000 < (tmp_path / "picture.png").stat().st_size < 60_000
    figure = picture.figure_of(dots, 1.3, "four of them")
    figure.canvas.draw()
    boxes = [label.get_window_extent().extents for label in figure.axes[0].texts if label.get_text() in "One Another"]
    assert len(boxes) == 2 and picture.overlap(*boxes) == 0
