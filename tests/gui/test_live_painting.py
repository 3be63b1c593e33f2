"""What is painted on the Live page: the right pixels, no more of them than have changed, nothing where nobody looks."""

from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QObject, QPoint
from PyQt6.QtGui import QColor, QImage, QPainter, QRegion

from enhancer.features import erb_frequency, erb_rate
from enhancer.live.metering import LOWEST_HZ
from enhancer.live.meters import BANDS, SILENCE_DB, Meters
from enhancer.live.protocol import EngineState
from gui.live import LiveModel, LivePage
from gui.live.bars import Bar, level_zones
from gui.live.colours import spectrogram_colours
from gui.live.scales import frequency_share
from gui.live.spectrogram import COLUMNS, STRONGEST_DB, Spectrogram
from gui.power import Power
from gui.sound_devices import SoundDevices
from gui.theme import theme

WIDTH, HEIGHT = 200, 90
LOUD = np.full(BANDS, STRONGEST_DB, np.float32)
SILENT = np.full(BANDS, SILENCE_DB, np.float32)


class Paints(QObject):
    """The regions in which a widget was painted."""

    def __init__(self, widget):
        super().__init__()
        self.regions: list[QRegion] = []
        widget.installEventFilter(self)

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            self.regions.append(event.region())
        return False


@pytest.fixture
def page(qtbot, link, store):
    devices = SoundDevices()
    page = LivePage(LiveModel(link, store, devices, Power(link, store, devices)))
    qtbot.addWidget(page)
    page.resize(1000, 800)
    link.set_status(state=EngineState.RUNNING, message="running")
    with qtbot.waitExposed(page):
        page.show()
    return page


def seen(spectrogram: Spectrogram) -> np.ndarray:
    """How loud each pixel looks: 0 to 255, [height, width], with a grey palette."""
    width, height = spectrogram.size
    image = QImage(width, height, QImage.Format.Format_RGB32)
    with QPainter(image) as painter:
        spectrogram.paint(painter, QPoint(0, 0))
    bits = image.constBits().asarray(image.sizeInBytes())
    return np.frombuffer(bits, np.uint32).reshape(height, width) & 255


@pytest.fixture
def spectrogram():
    made = Spectrogram()
    grey = np.arange(256, dtype=np.uint32)
    made.set_colours(0xFF000000 | grey * 0x010101)
    made.resize(WIDTH, HEIGHT)
    return made


def test_the_newest_sound_is_at_the_right_and_wanders_left(spectrogram):
    spectrogram.append(LOUD, 30)  # a second of ten
    assert (seen(spectrogram) == 255).all(axis=0).nonzero()[0].tolist() == list(range(180, 200))
    for _ in range(2 * COLUMNS + 150):  # around the ring more than twice, to the middle
        spectrogram.append(SILENT)
    spectrogram.append(LOUD, 30)
    spectrogram.append(SILENT, 120)
    assert (seen(spectrogram) == 255).all(axis=0).nonzero()[0].tolist() == list(range(100, 120))
    assert (seen(spectrogram)[:, :100] == 0).all() and (seen(spectrogram)[:, 120:] == 0).all()


def test_a_tone_is_at_the_place_of_its_frequency(spectrogram):
    edges = erb_frequency(np.linspace(erb_rate(LOWEST_HZ), erb_rate(24_000), BANDS + 1))
    for hertz in (120, 1_000, 20_000):
        tone = np.where((edges[:-1] <= hertz) & (hertz < edges[1:]), STRONGEST_DB, SILENCE_DB)
        spectrogram.append(tone.astype(np.float32), 3)
        row = seen(spectrogram)[:, -1].argmax()
        assert row == pytest.approx((1 - frequency_share(hertz)) * HEIGHT, abs=1.5)


def test_another_size_and_other_colours_keep_what_was_seen(spectrogram):
    spectrogram.append(LOUD, 150)
    spectrogram.resize(431, 77)
    assert seen(spectrogram).shape == (77, 431)
    assert (seen(spectrogram)[:, 216:] == 255).all() and (seen(spectrogram)[:, :215] == 0).all()
    spectrogram.set_colours(np.full(256, 0xFF000007, np.uint32))
    assert (seen(spectrogram) == 7).all()
    spectrogram.set_colours(0xFF000000 | np.arange(256, dtype=np.uint32))
    spectrogram.clear()
    assert (seen(spectrogram) == 0).all()


@pytest.mark.parametrize("dark", [True, False])
def test_louder_is_always_further_from_the_cards_colour(dark):
    colours = spectrogram_colours(dark)
    red, green, blue = (colours >> 16 & 255, colours >> 8 & 255, colours & 255)
    linear = [np.where(c <= 10, c / 3294.6, ((c / 255 + 0.055) / 1.055) ** 2.4) for c in (red, green, blue)]
    lightness = np.cbrt(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])  # CIE L*, but for its scale
    assert np.all(np.diff(lightness[::8]) * (1 if dark else -1) > 0)  # told apart without seeing colours


def test_a_frame_paints_the_two_pictures_and_not_what_is_around_them(qtbot, page):
    view = page.spectrograms
    paints = Paints(view)
    qtbot.waitUntil(lambda: len(paints.regions) > 3)
    before, after = view.places
    inside = QRegion(before).united(QRegion(after))
    assert all(region.subtracted(inside).isEmpty() for region in paints.regions[1:])


def test_a_bar_is_painted_when_a_pixel_changes(qtbot, qapp):
    bar = Bar(level_zones)
    qtbot.addWidget(bar)
    bar.resize(100, 12)
    with qtbot.waitExposed(bar):
        bar.show()
    bar.show_shares(0.5, 0.9)
    qapp.processEvents()
    paints = Paints(bar)
    bar.show_shares(0.501, 0.899)
    qapp.processEvents()
    assert paints.regions == []
    bar.show_shares(0.6, 0.9)
    qapp.processEvents()
    assert len(paints.regions) == 1
    colours, picture = theme().tokens, bar.grab().toImage()
    found = [picture.pixelColor(x, 6) for x in (30, 70, 91)]
    assert found == [QColor(colours.meter_low), QColor(colours.line), QColor(colours.meter_mid)]


def test_nothing_is_painted_or_asked_for_while_nobody_sees_the_page(qtbot, qapp, page, link):
    for away, back in ((page.hide, page.show), (page.showMinimized, page.showNormal)):
        away()
        qapp.processEvents()
        paints = [Paints(widget) for widget in (page.spectrograms, page.levels.input, page)]
        link.spectra_wanted = None
        qtbot.wait(150)  # five frames
        assert [len(each.regions) for each in paints] == [0, 0, 0]
        assert link.spectra_wanted is None
        back()
        qtbot.waitUntil(lambda: link.spectra_wanted is True)


def test_without_sound_there_are_words_and_no_frames(qtbot, page, link):
    link.set_meters(input_rms_dbfs=-20.0, input_spectrum_db=LOUD)
    qtbot.waitUntil(lambda: link.spectra_wanted is True)
    link.set_status(state=EngineState.SLEEPING)
    assert page.spectrograms.note == "No sound at the moment"
    qtbot.waitUntil(lambda: link.spectra_wanted is False)
    link.spectra_wanted = None
    qtbot.wait(80)
    assert link.spectra_wanted is None
    link.set_status(state=EngineState.RUNNING, message="running")
    assert page.spectrograms.note == ""


def test_time_in_which_nobody_looked_is_left_empty(page):
    view = page.spectrograms
    loud = replace(Meters(), input_spectrum_db=LOUD, output_spectrum_db=LOUD)
    view.append(loud, 100)
    view.pause(100)
    view.append(loud, 100)
    before, _after = view.places
    row = view.grab().toImage()
    at = [row.pixelColor(before.x() + before.width() * part // 6, before.center().y()) for part in (1, 3, 5)]
    assert at[0] == at[2] != at[1]


def test_pictures_change_with_the_theme(page, any_theme):
    view = page.spectrograms
    view.append(Meters(), COLUMNS)
    before, _after = view.places
    silence = view.grab().toImage().pixelColor(before.center())
    assert abs(silence.lightnessF() - QColor(any_theme.tokens.surface).lightnessF()) < 0.15
