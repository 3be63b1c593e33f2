"""The Mic test page on a real sound server: what is said is recorded, judged, shown and forgotten."""

from pathlib import Path

import numpy as np
import pytest
from PyQt6 import sip
from PyQt6.QtCore import Qt

from enhancer.live import places
from enhancer.live.device import Device
from gui.live.model import LiveModel
from gui.mic_test import model as mic_test_model
from gui.mic_test import wording
from gui.mic_test.model import MicTestModel, Step
from gui.mic_test.page import MicTestPage
from gui.power import Power
from gui.sound_devices import SoundDevices

RATE = 48_000
MICROPHONE = Device("1", "microphone", "My microphone", "input", RATE, 1, default=True)
GONE = Device("2", "usb", "USB microphone", "input", RATE, 1)


@pytest.fixture
def page(qapp, qtbot, link, store, own_pulse, monkeypatch):
    """The page, shown; it records for no more than a second."""
    monkeypatch.setattr(mic_test_model, "SECONDS", 1.0)
    devices = SoundDevices((MICROPHONE, GONE))
    model = MicTestModel(LiveModel(link, store, devices, Power(link, store, devices)), store, qapp)
    made = MicTestPage(model)
    made.resize(900, 700)
    made.show()
    qtbot.waitExposed(made)
    yield made
    sip.delete(made)  # here: a collector of garbage that runs in another thread must not
    model.close()


def click(qtbot, button) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def recordings() -> list[Path]:
    return list(places.runtime_dir().glob("mic-test-*/*"))


def test_a_voice_is_recorded_judged_and_compared(page, own_pulse, qtbot, speech_like):
    """Also while another program, such as the engine, has the microphone."""
    voice = np.concatenate([0.5 * speech_like(RATE, 3.0), np.zeros(RATE, np.float32)])
    noise = 0.01 * np.random.default_rng(1).standard_normal(len(voice)).astype(np.float32)
    other = own_pulse.record("microphone")
    player = own_pulse.play("room", np.tile(voice + noise, 4), latency_ms=100)
    click(qtbot, page.record)
    assert page.cancel.isVisible() and not page.record.isVisible()
    seen = []
    page._model.heard.connect(lambda: seen.append((page._model.rms_dbfs, page.dial.accessibleName())))
    qtbot.waitUntil(lambda: page._model.step is Step.DONE, timeout=30_000)
    player.kill()
    other.stop()
    assert len(seen) > 5 and max(level for level, _ in seen) > -40
    assert seen[0][1] == "1 seconds left"
    assert page.verdict.text() and page.advice.text()
    assert page.figures[1].value.text().count("dB") >= 1
    assert "→" in page.figures[1].value.text()
    assert len(recordings()) == 2
    assert page.player.play_button.hasFocus()
    qtbot.keyClick(page.player.play_button, Qt.Key.Key_B)
    assert page.player.side.value is True
    qtbot.keyClick(page.player.play_button, Qt.Key.Key_Space)
    positions = [0.0]
    page._model.playback.moved.connect(lambda: positions.append(page._model.playback.position))
    qtbot.waitUntil(lambda: max(positions) > 0.1, timeout=20_000)
    click(qtbot, page.again)
    qtbot.waitUntil(lambda: page._model.step is Step.RECORDING, timeout=30_000)
    assert recordings() == []
    click(qtbot, page.cancel)
    assert page.record.isVisible() and not page.player.isVisible()


def test_a_microphone_that_is_gone_is_told_and_another_can_be_chosen(page, store, qtbot):
    page.picker.setCurrentIndex(page.picker.findData("usb"))
    page.picker.activated.emit(page.picker.currentIndex())
    assert store.profile.input.name == "usb"
    click(qtbot, page.record)
    qtbot.waitUntil(lambda: bool(page.banner.texts), timeout=30_000)
    assert page.banner.texts == ['there is no input device "usb"']
    assert page.record.isVisible() and page.picker.isVisible()


def report(level: float = -20.0, noise: float = -50.0, ratio: float | None = 30.0) -> dict:
    """As of the microphone alone, and 20 dB better with Enhancer."""
    after = None if ratio is None else min(ratio + 20.0, 60.0)
    return {
        "before": {"level_dbfs": level, "peak_dbfs": level + 12, "noise_dbfs": noise, "snr_db": ratio},
        "after": {"level_dbfs": level, "peak_dbfs": level + 12, "noise_dbfs": noise - 20, "snr_db": after},
    }


@pytest.mark.parametrize(
    ("measured", "problem", "title", "tone"),
    [
        (report(), None, "Your microphone is fine", "good"),
        (report(noise=-35.0, ratio=9.0), None, "A noisy place", "info"),
        (report(level=-50.0), "faint", "Your voice is faint", "warn"),
        (report(level=-50.0, ratio=None), "no speech", "Hardly any speech was heard", "warn"),
        (report(level=-120.0, noise=-120.0, ratio=None), "muted", "Nothing was heard", "bad"),
        (report(level=-3.0), "overdriven", "Too loud", "warn"),
    ],
)
def test_the_verdict_is_in_plain_words(measured, problem, title, tone):
    verdict = wording.verdict(measured, problem)
    assert (verdict.title, verdict.tone) == (title, tone)
    assert verdict.text.endswith(".")
    assert all(figure.meaning and "None" not in figure.before for figure in wording.figures(measured))


def test_figures_say_what_they_mean():
    voice, noise, ratio = wording.figures(report())
    assert (voice.before, voice.meaning) == ("−20 dB", "a good level")
    assert (noise.before, noise.after, noise.meaning) == ("−50 dB", "−70 dB", "noticeable; Enhancer lowers it by 20 dB")
    assert ratio.change == "30 → 50 dB"
    assert wording.figures(report(noise=-120.0))[1].before == "silence"
