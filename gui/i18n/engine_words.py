"""The engine's own lines in the user's language.

Engine, files and models say what is wrong in English, since they serve terminals and logs, too. What a user of the
window may meet of that is listed here for translators, with {names} for what varies; other lines stay English.
"""

from __future__ import annotations

import re
from functools import cache

from gui.i18n import _


def N_(text: str) -> str:
    """Marks a line for translation."""
    return text


_LINES = (
    # What happens while it runs: enhancer/live/engine.py, launch.py, recorder.py, gui/engine_worker.py
    N_("the machine is too busy: the sound passes as it is"),
    N_("the machine keeps up again"),
    N_("the microphone gives silence: is it muted?"),
    N_("the microphone gives sound again"),
    N_("the sound is back"),
    N_("the microphone {name} is back"),
    N_("{fault}: the default microphone is used until it is back"),
    N_("the recording has ended: {reason}"),
    N_("the disk is too slow"),
    N_("the default {kind} is our own: {name} is used"),
    N_("the microphone {name} is not there: using the default one"),
    N_("the output {name} is not there: using the default one"),
    N_("nobody listens: the microphone is closed"),
    N_("the engine does not answer"),
    N_("if it stays so, end its process and start it again"),
    N_("the engine is gone"),
    N_("connected to the engine again"),
    N_("the engine ended ({why}) and was started again"),
    N_("the engine ended again and again ({why})"),
    N_("its log: {file}"),
    N_("the engine was ended"),
    N_("the engine has ended"),
    N_("the connection to the engine has ended"),
    N_("the engine did not start within {seconds} s"),
    N_("the engine ended as it started (exit code {code})"),
    N_("see {file}"),
    N_("the engine is busy"),
    N_("try again"),
    N_("the engine has just ended"),
    N_("no engine is running"),
    N_("start one: enhancer live"),
    N_("there is no sound to record at the moment"),
    N_("start the engine first"),
    N_("there is nothing to monitor: the sound goes to a loudspeaker already"),
    N_("cannot record into {folder}: {reason}"),
    N_("choose another folder"),
    N_("noise suppression is off"),
    N_("switch it on first"),
    N_("an engine that was started elsewhere is used: its virtual microphone and latency stay as they are"),
    # Devices and the sound server: enhancer/live/device.py, pulse/, pulse_streams.py, portaudio.py, virtual_cable.py
    N_("input"),
    N_("output"),
    N_("microphone"),
    N_("loudspeaker"),
    N_("there is no {kind} device"),
    N_("there is no {kind} device {name}"),
    N_("plug one in; see: enhancer devices"),
    N_("see: enhancer devices"),
    N_("see: enhancer doctor"),
    N_("the {kind} device {name} went away"),
    N_("the {kind} device {name} cannot be opened: {reason}"),
    N_("the {kind} stream is closed"),
    N_("open the device again"),
    N_("the {kind} is closed"),
    N_("the {kind} does nothing"),
    N_("the sound server went away"),
    N_("the sound server did not answer for {seconds} s"),
    N_("the sound server did not do what was asked: {reason}"),
    N_("no connection to the sound server"),
    N_("no connection to the sound server: {reason}"),
    N_("the connection to the sound server broke down"),
    N_("start it: systemctl --user start pipewire-pulse (or pulseaudio)"),
    N_("start it: systemctl --user start pipewire-pulse"),
    N_("restart it: systemctl --user restart pipewire-pulse"),
    N_("the package {name} is not installed"),
    N_("{name} is not installed"),
    N_("there is no virtual cable to serve as a microphone"),
    # Models: enhancer/model.py, bundled.py
    N_("model is not a file: {path}"),
    N_("model cannot be read: {path}: {reason}"),
    N_("not an ONNX file: {path}"),
    N_("not a usable ONNX file: {path}: {reason}"),
    N_("an ONNX file, but not a model of this program: {path}"),
    N_("the model's description of itself is damaged: {path}"),
    N_("model format {version} is newer than this program understands ({known}): {path}"),
    N_("model not found: {path}; bundled: {names}"),
    N_("check the path, or leave it out to use the standard model"),
    N_("take a model written by `training export`, or leave the option out to use the shipped one"),
    # Files: enhancer/audio_io.py, media/, video_io.py, file_denoiser.py
    N_("{path} is not audio that can be read ({reason})"),
    N_("{path} is not audio or video that can be read: {reason}"),
    N_("{path} needs PyAV to be read"),
    N_("{path} needs PyAV to be written"),
    N_("{path} is empty (0 bytes)"),
    N_("{path} does not exist"),
    N_("{path} is a folder"),
    N_("{path} has no sound track"),
    N_("{path} holds no sound (0 samples)"),
    N_("{path} is damaged: {reason}"),
    N_("{path} is damaged after {done} of {total} s ({reason})"),
    N_("{path} is cut off: {share} % of its sound is there"),
    N_("{path} has a sound track that cannot be decoded ({codec})"),
    N_("no permission to read {path}"),
    N_("cannot read {path}: {reason}"),
    N_("no space left for {path}"),
    N_("no permission to write {path}"),
    N_("{path} is on a read-only disk"),
    N_("cannot write {path}: {reason}"),
    N_("free some space, or choose another place with -o"),
    N_("choose another place with -o"),
    N_("choose another name with -o"),
    N_("{path} exists already"),
    N_("give --overwrite to replace it"),
    N_("the output would replace the input {path}"),
    N_("give --salvage to clean what can be read of it"),
    N_("install the video extra: pip install 'enhancer[video]'"),
    # The doctor: enhancer/live/doctor/
    N_("{name}, is muted"),
    N_("{name}, has a volume of only {volume}"),
    N_("{name}, a Bluetooth headset: telephone quality"),
    N_("{name}; the default is {other}"),
    N_("switch it on in the sound settings, or: {command}"),
    N_("raise it in the sound settings, or: {command}"),
    N_("take another microphone (enhancer devices --inputs), and the headset for listening only"),
    N_("choose a microphone in the sound settings, or: {command}"),
    N_("a virtual device of a process that is gone ({pids}) was still there, and has been removed"),
    N_("nothing more to do; if it comes back, please report it with: enhancer doctor --bundle FILE"),
    N_("one was made, but the sound server does not list it"),
    N_("restart the sound server: systemctl --user restart wireplumber pipewire-pulse (or pulseaudio)"),
    N_("one was made, but could not be removed"),
    N_("this machine is too slow for this model: end other programs, or take a smaller one (--model)"),
    N_("expect dropouts: end other programs, and use --latency safe"),
    N_("{found}, and one was {late} ms late"),
    N_("a frame takes {p50} ms (p99 {p99}, longest {longest}) of {budget} ms"),
    N_("choose again: enhancer live --input NAME"),
    N_("runs {how} (process {pid}), {state}"),
    N_("as a service"),
    N_("for `enhancer live`"),
    N_("see the lines above, and its log: enhancer doctor --bundle FILE"),
    N_("degraded"),
    N_("reconnecting"),
    N_("failed"),
    # Preferences: gui/preferences.py, enhancer/live/settings.py
    N_("the settings {file} {reason}: put aside as {aside}, going on without them"),
    N_("the settings {file} cannot be read ({reason}): going on without them"),
    N_("are damaged ({reason})"),
    N_("are of a newer enhancer"),
)
_OF_LIBRARIES = (  # what libsndfile and FFmpeg say of files; marked for translators, `in_words` finds them whole
    N_("No 'data' chunk marker"),
    N_("Malformed 'fmt ' chunk"),
    N_("Supported file format but file is malformed"),
    N_("unknown error in flac decoder"),
    N_("Invalid data found when processing input"),
)


def in_words(line: str) -> str:
    """The line in the language of now; as it is where nobody has translated it."""
    direct = _(line) if line else ""
    if direct != line:
        return direct
    for pattern, template in _patterns():
        found = pattern.fullmatch(line)
        if found and (translated := _(template)) != template:
            return translated.format(**{name: in_words(value) for name, value in found.groupdict().items()})
    return line


def as_sentence(line: str) -> str:
    """The line in the language of now, with a capital and a full stop; empty stays empty."""
    words = in_words(line)
    if not words or words[-1] in ".?!…。？！":
        return words[:1].upper() + words[1:]
    return _("{sentence}.").format(sentence=words[:1].upper() + words[1:])


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Those with names in them, the longest first: it says most."""
    templates = sorted((line for line in _LINES if "{" in line), key=len, reverse=True)
    return tuple((re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(line))), line) for line in templates)
