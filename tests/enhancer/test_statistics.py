"""Means, intervals and tests say what their definitions say."""

import numpy as np
import pytest

from enhancer.evaluation import statistics as stats


def test_the_interval_is_about_that_of_the_normal_approximation():
    values = np.random.default_rng(0).normal(3, 2, 400)
    mean = stats.mean_with_interval(values)
    half = 1.96 * values.std(ddof=1) / 20
    assert mean.mean == pytest.approx(values.mean())
    assert (mean.low, mean.high) == pytest.approx((mean.mean - half, mean.mean + half), abs=0.15 * half)


def test_undefined_values_are_left_out_and_counted():
    mean = stats.mean_with_interval(np.array([1.0, np.nan, 3.0]))
    assert (mean.mean, mean.count) == (2, 2)
    assert 1 <= mean.low <= mean.high <= 3
    alone = stats.mean_with_interval(np.array([np.nan, 4.0]))
    assert (alone.mean, alone.count) == (4, 1)
    assert np.isnan(alone.low)
    assert stats.mean_with_interval(np.array([np.nan])).count == 0


def test_intervals_are_the_same_every_time():
    values = np.random.default_rng(1).standard_normal(30)
    assert stats.mean_with_interval(values) == stats.mean_with_interval(values)


def test_pairs_show_a_difference_that_the_spread_between_files_would_hide():
    rng = np.random.default_rng(2)
    theirs = rng.normal(0, 10, 50)
    found = stats.paired_difference(theirs + 0.5 + 0.1 * rng.standard_normal(50), theirs)
    assert 0.4 < found.low < found.mean < found.high < 0.6
    assert found.p_value < 1e-6
    nothing = stats.paired_difference(theirs, theirs)
    assert (nothing.mean, nothing.low, nothing.high) == (0, 0, 0)
    assert np.isnan(nothing.p_value)


def test_files_that_one_side_lacks_are_no_pairs():
    found = stats.paired_difference(np.array([1.0, np.nan, 3.0]), np.array([0.0, 1.0, np.nan]))
    assert (found.mean, found.count) == (1, 1)


def test_holm_gives_the_textbook_values():
    # Holm (1979) by hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, then 0.04 raised to its predecessor.
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    corrected = stats.holm([0.6, np.nan, 0.7])
    assert corrected[0] == corrected[2] == 1
    assert np.isnan(corrected[1])


def test_files_of_one_speaker_count_as_one_where_they_agree():
    rng = np.random.default_rng(3)
    speakers = np.repeat(np.arange(20), 10)
    values = rng.standard_normal(20)[speakers] + 0.01 * rng.standard_normal(200)
    over_files, over_speakers = stats.mean_with_interval(values), stats.mean_with_interval(values, speakers)
    assert over_speakers.mean == over_files.mean
    widths = [mean.high - mean.low for mean in (over_speakers, over_files)]
    assert widths[0] == pytest.approx(np.sqrt(10) * widths[1], rel=0.2)
    assert stats.mean_with_interval(values, np.arange(200)) == over_files
    assert np.isnan(stats.mean_with_interval(values, np.zeros(200)).low)


def test_the_test_is_over_groups_where_there_are_some():
    rng = np.random.default_rng(4)
    speakers = np.repeat(np.arange(6), 50)
    better = np.array([1.0, 1.2, 0.9, 1.1, -0.1, -0.2])[speakers] + 0.01 * rng.standard_normal(300)
    assert stats.paired_difference(better, np.zeros(300)).p_value < 1e-6
    assert stats.paired_difference(better, np.zeros(300), speakers).p_value > 0.05


@pytest.mark.parametrize("grouped", [False, True])
def test_the_approximation_for_many_files_continues_the_bootstrap(grouped, monkeypatch):
    rng = np.random.default_rng(5)
    values = rng.exponential(size=1500)
    groups = rng.integers(400, size=1500) if grouped else None
    resampled = stats.mean_with_interval(values, groups)
    monkeypatch.setattr(stats, "RESAMPLES", 300)
    approximated = stats.mean_with_interval(values, groups)
    half = (resampled.high - resampled.low) / 2
    assert (approximated.low, approximated.high) == pytest.approx((resampled.low, resampled.high), abs=0.1 * half)


def crossed(rng, speakers: int, noises: int, items: int, of_each: float, of_item: float):
    """Values with an effect of the speaker, one of the noise and one of the item, of the given standard deviations."""
    who, what = rng.integers(speakers, size=items), rng.integers(noises, size=items)
    effects = of_each * (rng.standard_normal(speakers)[who] + rng.standard_normal(noises)[what])
    values = effects + of_item * rng.standard_normal(items)
    return values, [f"s{i}" for i in who], [f"n{i}" for i in what]


def test_a_two_way_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(6)
    holds = two_way = 0
    for _ in range(100):
        values, speakers, noises = crossed(rng, 20, 20, 200, 1.0, 0.5)
        low, high = stats.two_way_interval(values, speakers, noises, resamples=400)
        two_way += low <= 0 <= high
        over_items = stats.mean_with_interval(values)
        holds += over_items.low <= 0 <= over_items.high
    assert two_way >= 88
    assert holds < 60  # what it is for: items of one speaker or noise are not independent


def test_a_two_way_interval_of_one_kind_of_group_is_that_of_resampling_those_groups():
    rng = np.random.default_rng(7)
    speakers = rng.integers(30, size=300)
    values = rng.standard_normal(30)[speakers] + 0.1 * rng.standard_normal(300)
    over_speakers = stats.mean_with_interval(values, speakers)
    found = stats.two_way_interval(values, [f"s{i}" for i in speakers], ["one"] * 300)
    half = (over_speakers.high - over_speakers.low) / 2
    assert found == pytest.approx((over_speakers.low, over_speakers.high), abs=0.1 * half)


def test_two_kinds_of_groups_are_resampled_both_at_once_and_tested_by_the_stricter(monkeypatch):
    rng = np.random.default_rng(9)
    values, speakers, noises = crossed(rng, 30, 60, 600, 1.0, 0.5)
    both = np.array([speakers, noises])
    found = stats.paired_difference(values + 0.3, np.zeros(600), both)
    alone = [stats.paired_difference(values + 0.3, np.zeros(600), kind) for kind in both]
    assert found.high - found.low > 1.1 * max(one.high - one.low for one in alone)
    assert found.p_value == max(one.p_value for one in alone)
    monkeypatch.setattr(stats, "RESAMPLES", 500)  # so that these are many files
    many = stats.mean_with_interval(values + 0.3, both)
    assert (many.low, many.high) == pytest.approx((found.low, found.high), abs=0.1 * (found.high - found.low))


def test_synthetic_noises_are_recordings_of_their_own():
    values = np.random.default_rng(8).standard_normal(50)
    named = stats.two_way_interval(values, ["s"] * 50, [f"n{i:02}" for i in range(50)])
    assert stats.two_way_interval(values, ["s"] * 50, [""] * 50) == pytest.approx(named, abs=0.1)


def test_a_two_way_interval_of_nothing_to_resample_is_undefined():
    for values, noises in (([], []), ([1.0], ["n"]), ([1.0, 2.0], ["n", "n"]), ([1.0, np.nan], ["n", "m"])):
        assert np.isnan(stats.two_way_interval(np.array(values), ["s"] * len(values), noises)).all()
    assert stats.two_way_interval(np.full(9, 0.5), list("aaabbbccc"), list("xyzxyzxyz")) == (0.5, 0.5)
    with pytest.raises(ValueError, match="do not match"):
        stats.two_way_interval(np.zeros(2), ["s"], ["n", "n"])
