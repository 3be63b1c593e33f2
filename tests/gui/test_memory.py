"""Nothing grows: turned on and off over and over, and through minutes of spectrograms; `make soak` goes on for long."""

import gc
import os
import sys
from collections.abc import Callable
from itertools import cycle

import numpy as np
import pytest
from PyQt6 import sip
from PyQt6.QtCore import Qt

from benchmarks.gui_soak import GROWTH_MB, Use, faults_of, use_of
from enhancer.live.engine import Options
from enhancer.live.meters import BANDS, Meters
from enhancer.live.protocol import EngineState
from gui.engine_link import EngineLink
from gui.live import LiveModel, LivePage
from gui.live.scales import FRAMES_A_SECOND
from gui.live.spectrogram_view import SpectrogramView
from gui.power import Power
from gui.sound_devices import SoundDevices

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

PATIENCE_MS = 20_000  # of a busy machine


def used_now() -> Use:
    """By this process, without what is only waiting to be collected."""
    gc.collect()
    return use_of(os.getpid())


def check_flat(act: Callable[[], object], warm_up: int, times: int) -> None:
    """Done so many times after so many, it has taken nothing more."""
    for _ in range(warm_up):
        act()
    before = used_now()
    for _ in range(times):
        act()
    after = used_now()
    assert after.memory_mb - before.memory_mb < GROWTH_MB
    assert after.threads <= before.threads  # fewer: what an earlier test of this process had begun has ended
    assert after.files <= before.files


def make_page(link, store) -> LivePage:
    devices = SoundDevices()
    page = LivePage(LiveModel(link, store, devices, Power(link, store, devices)))
    page.resize(900, 700)
    page.show()
    return page


def test_a_page_that_is_turned_on_and_off_holds_nothing_of_it(qtbot, link, store):
    page = make_page(link, store)
    loud = np.full(BANDS, -20.0, np.float32)

    def turn_on_and_off() -> None:
        qtbot.mouseClick(page.power, Qt.MouseButton.LeftButton)
        link.set_status(state=EngineState.RUNNING, message="running")
        link.happen("running")
        link.set_meters(input_rms_dbfs=-20.0, input_spectrum_db=loud, output_spectrum_db=loud)
        qtbot.wait(40)  # a frame at least
        qtbot.mouseClick(page.power, Qt.MouseButton.LeftButton)
        link.set_status(state=EngineState.STOPPED, message="stopped", connected=False)
        qtbot.wait(1)

    check_flat(turn_on_and_off, 5, 20)
    assert [each for each in link.requests if each == "stop"] == 25 * ["stop"]
    sip.delete(page)


def test_an_engine_that_is_started_and_stopped_gives_everything_back(qtbot, own_pulse, build_model):
    link = EngineLink()
    options = Options(virtual_mic="Enhancer microphone", keep_open=True, model=str(build_model("pass")))

    def start_and_stop() -> None:
        link.start(options)
        qtbot.waitUntil(lambda: link.status.state is EngineState.RUNNING and link.connected, timeout=PATIENCE_MS)
        link.meters(spectra=True)
        link.stop()
        qtbot.waitUntil(lambda: link.status.state is EngineState.STOPPED and not link.connected, timeout=PATIENCE_MS)

    check_flat(start_and_stop, 2, 18)
    link.close()


def test_two_minutes_of_spectrograms_are_painted_in_the_memory_of_the_first_seconds(qtbot):
    view = SpectrogramView()
    qtbot.addWidget(view)
    view.resize(480, 320)
    with qtbot.waitExposed(view):
        view.show()
    spectra = np.random.default_rng(1).uniform(-90.0, -15.0, (2, 64, BANDS)).astype(np.float32)
    sounds = cycle(
        Meters(input_spectrum_db=before, output_spectrum_db=after) for before, after in zip(*spectra, strict=True)
    )

    def show() -> None:
        view.append(next(sounds), 1)
        view.repaint(view.places[0].united(view.places[1]))  # now, as fast as it goes

    check_flat(show, 12 * FRAMES_A_SECOND, 120 * FRAMES_A_SECOND)  # warm: once around their rings


STEADY = [Use(120.0, 7, 19)] * 40


@pytest.mark.parametrize(
    ("uses", "said"),
    [
        (STEADY, []),
        ([Use(80.0, 3, 9)] * 10 + STEADY, []),
        ([Use(120.0 + 0.1 * number, 7, 19) for number in range(60)], ["memory grew by 3.0 MB"]),
        ([Use(120.0, 7 + number // 20, 19 + number // 5) for number in range(40)], ["1 more threads", "4 more files"]),
    ],
)
def test_a_soak_fails_on_what_grows_and_on_nothing_else(uses, said):
    assert faults_of(uses) == said
