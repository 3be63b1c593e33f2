"""Pictures of the window: every page, light and dark, idle and with live sound, in English and in Chinese.

Nothing in them is painted for them: a real engine cleans noisy speech of the demo clips on a private PulseAudio, and a
program listens to its virtual microphone. The devices bear names as people's own do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import soundfile
from PyQt6.QtCore import QBuffer, QIODevice, QPoint, Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QWidget
from rich.console import Console

from benchmarks.clips import ROOT, demo_clips
from benchmarks.gui_window import WindowProcess, page_of
from benchmarks.live_servers import FORMAT, PulseAudioServer, SoundServer, be_urgent, wait_until
from benchmarks.picture import save_small
from benchmarks.virtual_screen import virtual_screen
from enhancer.live.protocol import EngineState
from enhancer.live.session import SAMPLE_RATE
from gui import preferences
from gui.app import Monitor
from gui.files.page import FilesPage
from gui.files.row import Action, State
from gui.live.page import LivePage
from gui.live.scales import SPAN_S
from gui.mic_test.model import Step
from gui.mic_test.page import MicTestPage
from gui.playback.model import PlaybackModel
from gui.preferences import Preferences

P = ParamSpec("P")
T = TypeVar("T")
THEMES = ("light", "dark")
LANGUAGES = {"en": "en", "zh": "zh_CN"}
# SCENE-THEME-LANGUAGE: those in README and docs.
SHOWN = (
    "live-on-light-en",
    "live-on-dark-en",
    "live-on-light-zh",
    "mic_test-done-light-en",
    "files-busy-dark-en",
    "files-compare-light-en",
    "settings-top-light-en",
    "settings-top-dark-en",
    "first_run-speak-light-en",
    "first_run-call-dark-en",
    "first_run-check-light-en",
)
PATIENCE_S = 60.0  # for whatever is waited for
SETTLE_S = 0.4  # for the window to paint what has changed
TRIALS = 5  # of a call, until the machine has time for its sound; the best is shown
COLOURS = 128  # of a picture: enough for spectrograms
PLAYED_S = 1200.0  # longer than all takes
SPOKEN = ("english_rain_48k", "german_drill_48k")  # into the microphone, over and over
FILES = {  # as they are called in the pictures
    "english_rain_48k": "Interview in the rain",
    "english_street": "Street survey 03",
    "german_drill_48k": "Podcast, drill next door",
    "gaelic_pump_48k_stereo": "Gaelic story (stereo)",
    "dutch_crowd": "Panel discussion",
}
LECTURE_S = 240  # long enough to be seen at work


def run(out: Path, *, every: bool) -> None:
    """Writes PNGs into `out`: those in SHOWN, or with `every` all of them. Raises ConfigError where a program lacks."""
    console = Console(highlight=False)
    be_urgent()  # who plays, records and paints here shall not be what breaks the sound
    server = PulseAudioServer()
    try:
        server.start()
        _furnish(server)
        files = _recordings(server.folder)
        first = Preferences(language="en", theme="light")
        preferences.save(first, server.folder / ".config" / "enhancer" / "gui.toml")
        with virtual_screen() as display, WindowProcess(server, display) as window:
            camera = _Camera(window, out, None if every else SHOWN)
            for camera.language, locale in LANGUAGES.items():
                window.do(_choose_language, locale)
                for scenes in (_first_run, _idle, _live, _settings, _mic_test):
                    with console.status(f"{camera.language}: {scenes.__name__[1:]}"):
                        scenes(camera, server)
                with console.status(f"{camera.language}: files"):
                    _files(camera, files)
    finally:
        server.close()
    size = sum(path.stat().st_size for path in camera.taken)
    where = out.relative_to(ROOT) if out.is_relative_to(ROOT) else out
    console.print(f"{len(camera.taken)} pictures in {where}, {size / 1000:.0f} kB")


class _Camera:
    """Takes the window in both themes. language: a key of LANGUAGES, the window's."""

    def __init__(self, window: WindowProcess, out: Path, wanted: tuple[str, ...] | None) -> None:
        self.window, self.language = window, ""
        self.taken: set[Path] = set()
        self._out, self._wanted = out, wanted

    def wants(self, scene: str, theme: str) -> bool:
        """Whether this picture is to be taken, in the language of now."""
        return self._wanted is None or f"{scene}-{theme}-{self.language}" in self._wanted

    def take(self, scene: str, themes: tuple[str, ...] = THEMES) -> None:
        """SCENE-THEME-LANGUAGE.png for each theme, if it is wanted."""
        for theme in themes:
            if self.wants(scene, theme):
                self.window.do(_choose_theme, theme)
                time.sleep(SETTLE_S)
                path = self._out / f"{scene}-{theme}-{self.language}.png"
                save_small(self.window.do(_grab), path, COLOURS)
                self.taken.add(path)

    def wait(self, asked: Callable[Concatenate[Monitor, P], T], *arguments: P.args, **named: P.kwargs) -> None:
        """Until the window answers it with something that is true."""
        wait_until(lambda: self.window.do(asked, *arguments, **named), PATIENCE_S, asked.__name__, every_s=0.1)


# --- the stage ------------------------------------------------------------------------------------------------------


def _furnish(server: SoundServer) -> None:
    """The devices of a desk, into whose microphone somebody speaks, in place of the server's own."""
    plain = [line.split("\t")[0] for line in server.modules() if "module-null" in line or "module-remap" in line]
    for sink, description in (("headphones", "Headphones (USB Audio)"), ("desk", "Desk")):
        rate = f"rate={SAMPLE_RATE}"
        server.pactl("load-module", "module-null-sink", f"sink_name={sink}", rate, _named("sink", description), *FORMAT)
    for source, description in (("yeti", "Blue Yeti"), ("built_in", "Built-in Microphone")):
        server.pactl(
            "load-module", "module-remap-source", f"source_name={source}", "master=desk.monitor", "channels=1",
            "master_channel_map=front-left", "channel_map=mono", "remix=no", _named("source", description),
        )  # fmt: skip
    server.pactl("set-default-sink", "headphones")
    server.pactl("set-default-source", "yeti")
    for module in reversed(plain):
        server.pactl("unload-module", module)
    speech = np.concatenate([clip.noisy()[:, 0] for clip in demo_clips() if clip.name in SPOKEN])
    server.play("desk", np.resize(speech, int(PLAYED_S * SAMPLE_RATE)), latency_ms=200)


def _named(what: str, description: str) -> str:
    return f"{what}_properties=\"device.description='{description}'\""


def _recordings(home: Path) -> list[str]:
    """Files as people have them, one of which is damaged."""
    folder = home / "Recordings"
    folder.mkdir()
    for clip in demo_clips():
        if clip.name in FILES:
            soundfile.write(folder / f"{FILES[clip.name]}.flac", clip.noisy(), clip.sample_rate, subtype="PCM_16")
    (folder / "Voice memo 12.wav").write_bytes(b"RIFF\0\0\0\0WAVEjunk")
    hum = 0.02 * np.random.default_rng(1).standard_normal(SAMPLE_RATE * LECTURE_S)
    soundfile.write(folder / "Lecture, second half.wav", hum, SAMPLE_RATE, subtype="PCM_16")
    return [str(path) for path in sorted(folder.iterdir())]


@contextmanager
def _call(server: SoundServer) -> Iterator[None]:
    """A program that listens to the virtual microphone, which is there."""
    recording = server.record("enhancer_mic", latency_ms=200)
    try:
        yield
    finally:
        recording.stop()


# --- the scenes -----------------------------------------------------------------------------------------------------


def _first_run(camera: _Camera, server: SoundServer) -> None:
    window = camera.window
    window.do(_begin_guide)
    camera.wait(_has_devices)
    camera.take("first_run-microphone")
    window.do(_go_on)
    camera.wait(_voice_is_heard)
    camera.take("first_run-speak")
    window.do(_go_on)
    camera.take("first_run-call")
    window.do(_go_on)
    camera.take("first_run-checking")
    camera.wait(_is_checked)
    camera.take("first_run-check")
    window.do(_go_on)


def _idle(camera: _Camera, server: SoundServer) -> None:
    _turn_off(camera)
    for page in ("live", "mic-test", "files", "settings"):
        camera.window.do(_show, page)
        camera.take(f"{page.replace('-', '_')}-idle")


def _live(camera: _Camera, server: SoundServer) -> None:
    for theme in THEMES:
        if camera.wants("live-on", theme) or camera.wants("live-bypass", theme):
            camera.window.do(_choose_theme, theme)
            fewest: float = np.inf
            for _ in range(TRIALS):
                _turn_off(camera)
                fewest = _in_a_call(camera, server, theme, fewest)
                if not fewest:
                    break


def _in_a_call(camera: _Camera, server: SoundServer, theme: str, fewest: float) -> float:
    """Pictures of a call from its beginning, if it has fewer dropouts than `fewest`; returns the fewest now."""
    window = camera.window
    window.do(_press_power)
    wait_until(lambda: "\tenhancer_mic\t" in server.pactl("list", "short", "sources"), PATIENCE_S, "a virtual mic")
    with _call(server):
        camera.wait(_is, EngineState.RUNNING)
        time.sleep(SPAN_S + 1.0)
        dropouts = window.do(_dropouts)
        if dropouts < fewest:
            camera.take("live-on", (theme,))
            window.do(_press_bypass)
            time.sleep(3.0)
            camera.take("live-bypass", (theme,))
            window.do(_press_bypass)
    return min(dropouts, fewest)


def _turn_off(camera: _Camera) -> None:
    camera.window.do(_show, "live")
    if camera.window.do(_state) is not EngineState.STOPPED:
        camera.window.do(_press_power)
    camera.wait(_is, EngineState.STOPPED)


def _settings(camera: _Camera, server: SoundServer) -> None:
    camera.window.do(_show, "settings")
    for name, part in (("top", 0.0), ("middle", 0.5), ("end", 1.0)):
        camera.window.do(_scroll, part)
        camera.take(f"settings-{name}")
    camera.window.do(_scroll, 0.0)


def _mic_test(camera: _Camera, server: SoundServer) -> None:
    window = camera.window
    for theme in THEMES:  # it records no longer than it takes to see one of them
        if camera.wants("mic_test-recording", theme):
            window.do(_show, "mic-test")
            window.do(_press_record)
            camera.wait(_test_is, Step.RECORDING)
            time.sleep(1.5)
            camera.take("mic_test-recording", (theme,))
            window.do(_cancel_test)
            camera.wait(_test_is, Step.READY)
    window.do(_show, "mic-test")
    window.do(_press_record)
    camera.wait(_test_is, Step.DONE)
    camera.wait(_test_is_drawn)
    window.do(_hear_after_of_test, 1.8)
    window.do(_show, "mic-test")
    camera.take("mic_test-done")
    window.do(_cancel_test)


def _files(camera: _Camera, files: list[str]) -> None:
    window = camera.window
    window.do(_show, "files")
    window.do(_add, files)
    camera.wait(_rows_are, len(files))
    camera.take("files-waiting")
    for theme in THEMES:  # each with the long one at work
        if camera.wants("files-busy", theme):
            window.do(_press_clean)
            camera.wait(_are_at_work, 2)
            camera.take("files-busy", (theme,))
            window.do(_stop)
            camera.wait(_rest)
            window.do(_clear)
            window.do(_add, files)
            camera.wait(_rows_are, len(files))
    window.do(_press_clean)
    camera.wait(_rest)
    camera.take("files-done")
    window.do(_dismiss)
    window.do(_press_compare, f"{FILES['english_rain_48k']}.flac")
    camera.wait(_file_is_drawn)
    window.do(_hear_after_of_file, 2.2)
    window.do(_show, "files")
    camera.take("files-compare")
    window.do(_clear)


# --- what happens in the window's process ---------------------------------------------------------------------------


def _grab(monitor: Monitor) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    monitor.window.grab().save(buffer, "PNG")
    return buffer.data().data()


def _choose_theme(monitor: Monitor, theme: str) -> None:
    monitor.store.change(theme=theme)


def _choose_language(monitor: Monitor, language: str) -> None:
    monitor.store.change(language=language)


def _click(widget: QWidget, place: QPoint | None = None) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place or widget.rect().center())


def _show(monitor: Monitor, page: str) -> None:
    """By the mouse, which also takes the keyboard's ring away from where it is."""
    names = [spec.name for spec in monitor.window.pages]
    _click(monitor.window.navigation.entries[names.index(page)])


def _scroll(monitor: Monitor, part: float) -> None:
    bar = monitor.window.page_area.verticalScrollBar()
    assert bar is not None
    bar.setValue(round(part * bar.maximum()))


def _begin_guide(monitor: Monitor) -> None:
    monitor.guide.begin()


def _has_devices(monitor: Monitor) -> bool:
    return bool(monitor.devices.inputs)


def _go_on(monitor: Monitor) -> None:
    _click(monitor.guide.forward)


def _voice_is_heard(monitor: Monitor) -> bool:
    return monitor.first_run.heard


def _is_checked(monitor: Monitor) -> bool:
    return monitor.first_run.checked


def _live_page(monitor: Monitor) -> LivePage:
    return page_of(monitor, "live", LivePage)


def _press_power(monitor: Monitor) -> None:
    _click(_live_page(monitor).power)


def _press_bypass(monitor: Monitor) -> None:
    _click(_live_page(monitor).bypass)


def _state(monitor: Monitor) -> EngineState:
    return monitor.link.status.state


def _is(monitor: Monitor, state: EngineState) -> bool:
    return _state(monitor) is state


def _dropouts(monitor: Monitor) -> int:
    return monitor.link.meters().xruns


def _press_record(monitor: Monitor) -> None:
    page = page_of(monitor, "mic-test", MicTestPage)
    _click(page.record if page.record.isVisible() else page.again)


def _test_is(monitor: Monitor, step: Step) -> bool:
    return monitor.mic_test.step is step


def _cancel_test(monitor: Monitor) -> None:
    monitor.mic_test.cancel()


def _test_is_drawn(monitor: Monitor) -> bool:
    return _is_drawn(monitor.mic_test.playback)


def _hear_after_of_test(monitor: Monitor, at_s: float) -> None:
    _hear_after(monitor.mic_test.playback, at_s)


def _files_page(monitor: Monitor) -> FilesPage:
    return page_of(monitor, "files", FilesPage)


def _add(monitor: Monitor, files: list[str]) -> None:
    monitor.files.set_overwrite(True)  # once more, in another language
    monitor.files.add(files)


def _rows_are(monitor: Monitor, count: int) -> bool:
    return monitor.files.rowCount() == count


def _press_clean(monitor: Monitor) -> None:
    _click(_files_page(monitor).run_button)


def _are_at_work(monitor: Monitor, done: int) -> bool:
    """So many are done, and one is well under way."""
    working = [row for row in _rows(monitor) if row.state is State.WORKING]
    return monitor.files.count(State.DONE) >= done and any((row.share or 0.0) > 0.3 for row in working)


def _stop(monitor: Monitor) -> None:
    _click(_files_page(monitor).stop_button)


def _rest(monitor: Monitor) -> bool:
    return not monitor.files.running and not monitor.files.count(State.WORKING)


def _rows(monitor: Monitor) -> list:
    return [monitor.files.index(at, 0).data(Qt.ItemDataRole.UserRole) for at in range(monitor.files.rowCount())]


def _press_compare(monitor: Monitor, name: str) -> None:
    page = _files_page(monitor)
    row = next(row for row in _rows(monitor) if row.name == name)
    viewport = page.view.viewport()
    assert viewport is not None
    place = page.delegate.action_place(monitor.files.index_of(row), Action.LISTEN)
    _click(viewport, place.center())


def _file_is_drawn(monitor: Monitor) -> bool:
    return _is_drawn(monitor.files.playback)


def _hear_after_of_file(monitor: Monitor, at_s: float) -> None:
    _hear_after(monitor.files.playback, at_s)


def _dismiss(monitor: Monitor) -> None:
    _files_page(monitor).banner.clear()


def _clear(monitor: Monitor) -> None:
    monitor.files.listen(None)
    monitor.files.remove(_rows(monitor))


def _is_drawn(playback: PlaybackModel) -> bool:
    return all(overview is not None and overview.done == len(overview.low) for overview in playback.overviews)


def _hear_after(playback: PlaybackModel, at_s: float) -> None:
    playback.choose(True)
    playback.seek(at_s)
