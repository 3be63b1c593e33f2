"""The part of the page that plays: a player for each example that changes between its versions at any moment."""

from __future__ import annotations

import base64
import math

from enhancer.evaluation.mel_spectrogram import height_of, top_hz
from enhancer.evaluation.report.examples import CLEAN, LONGEST_S, Example, Version
from enhancer.evaluation.report.markup import Markup, element
from enhancer.evaluation.report.material import Material
from enhancer.evaluation.report.numbers import shown
from enhancer.evaluation.scoring import NOISY

_TICKS_HZ = (250, 1000, 4000, 8000, 16000)


def listening(material: Material, found: list[Example]) -> list[Markup]:
    """A heading's content: what is played, then the players."""
    how = "gain" if material.has_noisy else "value"
    measure = found[0].measure.label
    clean = any(version.system == CLEAN for example in found for version in example.versions)
    voice = "the clean voice" if clean else "the first version"
    return [
        element(
            "p",
            f"The files with the best, the median and the worst {how} in {measure}; of longer ones the "
            f"{LONGEST_S:.0f} s where {voice} is loudest. Change between the versions while they play: they "
            f"run in step. Sound is lossless; spectrograms span 75 dB below the loudest moment of "
            f"{'the clean voice' if clean else 'any version'}.",
        ),
        element("p", "Keys in a player: space plays, numbers choose, arrows on the slider move.", class_="quiet"),
        *(_example(number, example, material) for number, example in enumerate(found)),
    ]  # fmt: skip


def _example(number: int, example: Example, material: Material) -> Markup:
    rank = element("span", f"{example.rank.capitalize()}: ", class_="rank")
    title = element("h3", rank, element("bdi", example.name), id=f"example-{number}")
    scores = element("p", _gain(example, material), _scores(example, material), class_="scores")
    if example.problem:
        missing = element("p", f"No sound to show: {example.problem}", class_="note")
        return element("article", title, scores, missing, class_="card", aria_labelledby=f"example-{number}")
    return element(
        "article", title, scores, _player(number, example), class_="card player", aria_labelledby=f"example-{number}"
    )


def _gain(example: Example, material: Material) -> list[object]:
    if not material.has_noisy:
        return []
    gain = float(material.gains(example.measure.key, [example.name])[0])
    return [element("strong", f"{example.measure.label} {shown(gain, example.measure.digits, sign=True)}"), " · "]


def _scores(example: Example, material: Material) -> str:
    said = []
    for measure in material.first_measures:
        values = [float(material.values(s, measure.key, [example.name])[0]) for s in material.shown_systems]
        said.append(f"{measure.label} {' → '.join(shown(value, measure.digits) for value in values)}")
    if example.seconds < example.whole_s - 0.05:
        said.append(
            f"shown: {example.begin_s:.1f} to {example.begin_s + example.seconds:.1f} s of {example.whole_s:.1f} s"
        )
    return " · ".join([*said, *example.notes])


def _player(number: int, example: Example) -> list[Markup]:
    chosen = 1 if len(example.versions) > 2 else 0  # what was made of the file, where there is a noisy one before it
    choices = [
        element(
            "label",
            element("input", type="radio", name=f"version-{number}", value=i, checked=i == chosen),
            element("span", version.system),
            class_=_role(version, example),
        )
        for i, version in enumerate(example.versions)
    ]
    controls = element(
        "div",
        element("button", "Play", type="button", class_="play"),
        element("fieldset", element("legend", "version that is heard", class_="unseen"), choices),
        element("label", element("input", type="checkbox", class_="loop"), element("span", "loop"), class_="looping"),
        element("span", f"0.0 / {example.seconds:.1f} s", class_="time"),
        class_="controls", hidden=True,
    )  # fmt: skip
    seek = element(
        "input", type="range", class_="seek", min=0, max=f"{example.seconds:.2f}", step=0.1, value=0,
        aria_label=f"position in {example.name}", hidden=True,
    )  # fmt: skip
    views = element("div", [_view(version, example) for version in example.versions], _times(example), class_="views")
    status = element("p", role="status", class_="note")
    return [controls, views, seek, status]


def _role(version: Version, example: Example) -> str:
    if version.system == CLEAN:
        return CLEAN
    return "before" if version.system == NOISY else "after"


def _view(version: Version, example: Example) -> Markup:
    """A spectrogram with its own native player, which the script takes the place of."""
    top = top_hz(example.sample_rate)
    ticks = []
    for hz in (tick for tick in _TICKS_HZ if tick < 0.9 * top):
        y = f"{100 * (1 - height_of(hz, example.sample_rate)):.1f}%"
        ticks += [
            element("line", x1=0, x2=5, y1=y, y2=y),
            element("text", f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz", x=8, y=y, dy=3.5),
        ]
    picture = element(
        "svg",
        element("image", href=_inlined("image/png", version.picture), width="100%", height="100%",
                preserveAspectRatio="none"),
        ticks,
        element("line", class_="playhead", x1=0, x2=0, y1=0, y2="100%"),
        class_="spectrogram", role="img",
        aria_label=f"Spectrogram of {version.system}: {example.seconds:.1f} s, up to {top / 1000:g} kHz",
    )  # fmt: skip
    native = element(
        "audio", controls=True, preload="none", src=_inlined("audio/flac", version.sound), aria_label=version.system
    )
    caption = element("figcaption", version.system, class_=_role(version, example))
    return element("figure", caption, picture, native, class_="view")


def _times(example: Example) -> Markup:
    """Seconds under the spectrograms, as in the whole file."""
    step = next(s for s in (0.5, 1, 2) if example.seconds / s <= 6 or s == 2)
    first = math.ceil(example.begin_s / step - 1e-6) * step
    texts = []
    while first < example.begin_s + example.seconds - 0.3 * step:
        place = 100 * (first - example.begin_s) / example.seconds
        texts.append(
            element("text", f"{first:g} s", x=f"{place:.2f}%", y=13, text_anchor=None if place < 3 else "middle")
        )
        first += step
    return element("svg", texts, class_="times", aria_hidden="true")


def _inlined(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
