"""The part of libpulse (PulseAudio's client library, which PipeWire serves too) that sound streams need, by ctypes.

Names, types and values are those of pulse/*.h; nothing here adds behaviour.
"""

from __future__ import annotations

import ctypes as c
import functools
from types import SimpleNamespace

LIBRARY = "libpulse.so.0"

PA_SAMPLE_FLOAT32LE = 5
PA_CONTEXT_NOAUTOSPAWN = 0x0001
PA_CONTEXT_READY, PA_CONTEXT_FAILED, PA_CONTEXT_TERMINATED = 4, 5, 6
PA_STREAM_READY, PA_STREAM_FAILED, PA_STREAM_TERMINATED = 2, 3, 4
PA_STREAM_START_CORKED = 0x0001
PA_STREAM_AUTO_TIMING_UPDATE = 0x0008
PA_STREAM_DONT_MOVE = 0x0200
PA_STREAM_ADJUST_LATENCY = 0x2000
PA_SEEK_RELATIVE = 0
PA_ERR_NOENTITY, PA_ERR_CONNECTIONREFUSED = 5, 6
SERVERS_CHOICE = 0xFFFFFFFF  # (uint32_t) -1 in a pa_buffer_attr
SIZE_ERROR = c.c_size_t(-1).value  # what pa_stream_writable_size returns for a stream that is not ready


class SampleSpec(c.Structure):
    """pa_sample_spec"""

    _fields_ = (("format", c.c_int), ("rate", c.c_uint32), ("channels", c.c_uint8))


class BufferAttr(c.Structure):
    """pa_buffer_attr, in bytes"""

    _fields_ = tuple((name, c.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize"))


class TimingInfo(c.Structure):
    """pa_timing_info: where the server stood at `seconds` and `microseconds` of the system's clock; indices in bytes"""

    _fields_ = (
        ("seconds", c.c_long),
        ("microseconds", c.c_long),
        ("synchronized_clocks", c.c_int),
        ("sink_usec", c.c_uint64),
        ("source_usec", c.c_uint64),
        ("transport_usec", c.c_uint64),
        ("playing", c.c_int),
        ("write_index_corrupt", c.c_int),
        ("write_index", c.c_int64),
        ("read_index_corrupt", c.c_int),
        ("read_index", c.c_int64),
        ("configured_sink_usec", c.c_uint64),
        ("configured_source_usec", c.c_uint64),
        ("since_underrun", c.c_int64),
    )


STREAM_NOTIFY = c.CFUNCTYPE(None, c.c_void_p, c.c_void_p)

_POINTER, _INT, _TEXT, _SIZE = c.c_void_p, c.c_int, c.c_char_p, c.c_size_t
_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "pa_strerror": (_TEXT, (_INT,)),
    "pa_mainloop_new": (_POINTER, ()),
    "pa_mainloop_free": (None, (_POINTER,)),
    "pa_mainloop_get_api": (_POINTER, (_POINTER,)),
    "pa_mainloop_prepare": (_INT, (_POINTER, _INT)),
    "pa_mainloop_poll": (_INT, (_POINTER,)),
    "pa_mainloop_dispatch": (_INT, (_POINTER,)),
    "pa_mainloop_wakeup": (None, (_POINTER,)),
    "pa_context_new": (_POINTER, (_POINTER, _TEXT)),
    "pa_context_connect": (_INT, (_POINTER, _TEXT, _INT, _POINTER)),
    "pa_context_get_state": (_INT, (_POINTER,)),
    "pa_context_errno": (_INT, (_POINTER,)),
    "pa_context_disconnect": (None, (_POINTER,)),
    "pa_context_unref": (None, (_POINTER,)),
    "pa_stream_new": (_POINTER, (_POINTER, _TEXT, c.POINTER(SampleSpec), _POINTER)),
    "pa_stream_connect_record": (_INT, (_POINTER, _TEXT, c.POINTER(BufferAttr), _INT)),
    "pa_stream_connect_playback": (_INT, (_POINTER, _TEXT, c.POINTER(BufferAttr), _INT, _POINTER, _POINTER)),
    "pa_stream_get_state": (_INT, (_POINTER,)),
    "pa_stream_get_device_name": (_TEXT, (_POINTER,)),
    "pa_stream_get_buffer_attr": (c.POINTER(BufferAttr), (_POINTER,)),
    "pa_stream_set_underflow_callback": (None, (_POINTER, STREAM_NOTIFY, _POINTER)),
    "pa_stream_get_timing_info": (c.POINTER(TimingInfo), (_POINTER,)),
    "pa_stream_peek": (_INT, (_POINTER, c.POINTER(_POINTER), c.POINTER(_SIZE))),
    "pa_stream_drop": (_INT, (_POINTER,)),
    "pa_stream_writable_size": (_SIZE, (_POINTER,)),
    "pa_stream_begin_write": (_INT, (_POINTER, c.POINTER(_POINTER), c.POINTER(_SIZE))),
    "pa_stream_write": (_INT, (_POINTER, _POINTER, _SIZE, _POINTER, c.c_int64, _INT)),
    "pa_stream_cork": (_POINTER, (_POINTER, _INT, _POINTER, _POINTER)),
    "pa_stream_flush": (_POINTER, (_POINTER, _POINTER, _POINTER)),
    "pa_stream_disconnect": (_INT, (_POINTER,)),
    "pa_stream_unref": (None, (_POINTER,)),
    "pa_operation_unref": (None, (_POINTER,)),
}


# What a stream's loop calls for every block, none of which waits. During other calls Python's other threads go on, and
# the loop would have to wait for them to give way again, a dozen times a block.
_QUICK = {
    "pa_mainloop_prepare",
    "pa_mainloop_dispatch",
    "pa_context_get_state",
    "pa_stream_get_state",
    "pa_stream_get_timing_info",
    "pa_stream_peek",
    "pa_stream_drop",
    "pa_stream_writable_size",
    "pa_stream_begin_write",
    "pa_stream_write",
}


@functools.cache
def load() -> SimpleNamespace:
    """The library's functions as attributes, their types declared. Raises OSError when it is not installed."""
    waiting, quick = c.CDLL(LIBRARY), c.PyDLL(LIBRARY)
    functions = {}
    for name, (result, arguments) in _SIGNATURES.items():
        function = functions[name] = getattr(quick if name in _QUICK else waiting, name)
        function.restype, function.argtypes = result, arguments
    return SimpleNamespace(**functions)
