"""Model files: ours are loaded and described, anything else is refused in one clear line."""

import numpy as np
import pytest

from enhancer.errors import ModelError
from enhancer.model import Student
from enhancer.model_card import card_lines


def refusal(path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        Student(path)
    error = caught.value
    assert "\n" not in str(error)
    assert len(str(error)) < 400
    return error


def test_a_model_of_ours_loads_and_says_what_it_is(build_model):
    facts = {
        "name": "a name",
        "parameters": 1234,
        "training": {
            "phases": [
                {"config": "first", "audio_hours": 2.5, "minutes": 9.0, "steps": 1000},
                {
                    "config": "second",
                    "audio_hours": 5.0,
                    "minutes": 18.0,
                    "steps": 2000,
                    "averaged": [{"share": 0.6}, {"share": 0.4}],
                },
            ],
            "teachers": [{"name": "wise", "licence": "MIT", "cached_minutes": 60}],
        },
        "scores": {"val": {"pesq_wb": 2.0, "noisy_pesq_wb": 1.5, "items": 40}},
    }
    info = Student(build_model("recurrent", metadata=facts)).info
    card = dict(card_lines(info))
    assert card["name"] == "a name"
    assert card["parameters"] == "1,234"
    assert card["training 1"] == "first: 2.5 h of mixtures in 9 min, 1,000 steps"
    assert card["training 2"] == "second: 5 h of mixtures in 18 min, 2,000 steps; 60% of a mean with 1 other run"
    assert card["teacher"] == "wise (MIT), 60 min of its outputs"
    assert card["validation set"] == "PESQ-WB 1.50 → 2.00 (40 mixtures)"
    assert card["grids"] == "16 kHz, 48 kHz"
    assert card["state"] == "48 numbers a channel"
    assert "test set" not in card
    assert info.details["scores"] == facts["scores"]


def test_the_card_of_an_adapted_student_says_to_what_and_who_taught_it(build_model):
    room = {"before": {"pesq_wb": 1.3}, "after": {"pesq_wb": 1.35}}
    facts = {
        "training": {"teachers": [{"name": "large", "licence": "Apache-2.0"}]},
        "adapted_to": {"rooms": ["fan.wav"], "voices": ["me.wav"], "held_out": room},
    }
    card = dict(card_lines(Student(build_model("recurrent", metadata=facts)).info))
    assert card["teacher"] == "large (Apache-2.0), our own"
    assert card["adapted to"] == "fan.wav, me.wav: PESQ-WB 1.30 → 1.35 there"


def test_a_missing_file_is_refused(tmp_path):
    assert "not found" in str(refusal(tmp_path / "none.onnx"))


def test_a_folder_is_refused(tmp_path):
    assert "not a file" in str(refusal(tmp_path))


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF\x00\x00", bytes(1000), b"\x08" + bytes(range(256))])
def test_a_file_that_is_not_onnx_is_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert "ONNX file" in str(refusal(path))


def test_a_truncated_model_is_refused(build_model, tmp_path):
    path = tmp_path / "half.onnx"
    whole = build_model("recurrent").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refusal(path)


def test_an_onnx_file_of_somebody_else_is_refused(build_model):
    assert "not a model of this program" in str(refusal(build_model(metadata="")))


def test_a_model_of_a_newer_format_is_refused_with_the_way_out(build_model):
    error = refusal(build_model(metadata={"format": 2, "state": {"layout": "unknown"}}))
    assert "newer" in str(error)
    assert "upgrade" in error.hint


@pytest.mark.parametrize(
    "metadata",
    ["no json", "[]", "{}", {"format": "x"}, {"format": 0}, {"state": [{"name": "state_0"}]}, {"sample_rates": None}],
)
def test_a_damaged_description_is_refused(build_model, metadata):
    assert "damaged" in str(refusal(build_model(metadata=metadata)))


@pytest.mark.parametrize("metadata", [{"hop_ms": 8}, {"core_bins": 512}, {"sample_rates": [16_000]}])
def test_a_model_of_another_signal_path_is_refused(build_model, metadata):
    refusal(build_model(metadata=metadata))


@pytest.mark.parametrize("name", ["mask", "presence", "state_0_out"])
def test_a_model_without_an_output_is_refused(build_model, name):
    assert repr(name) in str(refusal(build_model(drop_output=name)))


def test_a_model_without_a_state_input_is_refused(build_model):
    assert "'state_0'" in str(refusal(build_model(drop_input="state_0")))


def test_a_model_with_a_state_of_another_width_is_refused(build_model):
    assert "shape" in str(refusal(build_model(metadata={"state": [{"name": "state_0", "width": 7}]})))


def test_a_model_for_single_frames_only_is_refused(build_model):
    assert "shape" in str(refusal(build_model(frames=1)))


def frames_of(count, channels, seed=0):
    rng = np.random.default_rng(seed)
    core = rng.standard_normal((count, channels, 2, 256)).astype(np.float32)
    return core, rng.random((count, channels, 17)).astype(np.float32)


def answers(stream, core, high, calls):
    """The concatenated answers to the frames, cut into calls of the given lengths."""
    parts, start = [], 0
    for count in calls:
        answer = stream.step(core[start : start + count], high[start : start + count])
        parts.append([array.copy() for array in answer])
        start += count
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def test_state_is_carried_however_frames_are_grouped_into_calls(recurrent_model):
    core, high = frames_of(60, 2)
    one_by_one = answers(recurrent_model.stream(2), core, high, [1] * 60)
    for calls in ([60], [1, 1, 30, 1, 27], [20, 1, 1, 1, 37]):
        for ours, theirs in zip(answers(recurrent_model.stream(2), core, high, calls), one_by_one, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_reset_equals_a_new_stream(recurrent_model):
    core, high = frames_of(7, 1)
    stream = recurrent_model.stream()
    first = answers(stream, core, high, [1] * 7)
    stream.reset()
    again = answers(stream, core, high, [1] * 7)
    for ours, theirs in zip(again, first, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_streams_of_one_student_do_not_disturb_each_other(recurrent_model):
    core, high = frames_of(10, 1)
    alone = answers(recurrent_model.stream(), core, high, [1] * 10)[0]
    ours, other = recurrent_model.stream(), recurrent_model.stream()
    for t in range(10):
        other.step(-core[t : t + 1], high[t : t + 1])
        np.testing.assert_array_equal(ours.step(core[t : t + 1], high[t : t + 1])[0][0], alone[t])


def test_states_that_decayed_to_denormals_are_dropped(recurrent_model):
    stream = recurrent_model.stream()
    stream.state[0][...] = 1e-39
    stream.state[0][0, 0, 0] = 0.5
    stream.drop_denormals()
    assert stream.state[0][0, 0, 0] == 0.5
    assert not stream.state[0][0, 0, 1:].any()
