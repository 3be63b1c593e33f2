"""Messages between the engine and its clients: valid or refused, the same on both sides."""

import json
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhancer.live import protocol
from enhancer.live.protocol import (
    MAX_MESSAGE,
    MAX_TEXT,
    Bypass,
    EngineState,
    Hello,
    LoadModel,
    Message,
    Monitor,
    ProtocolError,
    Record,
    Refused,
    SetDevices,
    SetLimit,
    StatusReply,
    Welcome,
    decode_reply,
    decode_request,
    encode,
)

texts = st.text(st.characters(exclude_characters="\0"), max_size=30)
optional_texts = st.none() | texts
numbers = st.integers(-(2**62), 2**62)
# Without subnormals: a library that another test has loaded may have had the processor take them for zero.
decibels = st.none() | st.floats(0, 1e6, allow_subnormal=False) | st.integers(0, 1000)
OF_FIELDS = {
    Hello: {"version": numbers},
    SetDevices: {"input": optional_texts, "output": optional_texts},
    SetLimit: {"db": decibels},
    Bypass: {"on": st.booleans()},
    Monitor: {"on": st.booleans()},
    Record: {"folder": optional_texts},
    LoadModel: {"path": texts},
    Refused: {"message": texts, "hint": texts},
    Welcome: {"version": numbers, "pid": numbers, "meters_path": texts},
    StatusReply: {
        "state": st.sampled_from(EngineState),
        "message": texts,
        "input": optional_texts,
        "output": optional_texts,
        "virtual_mic": optional_texts,
        "limit_db": decibels,
        "bypass": st.booleans(),
        "monitor": st.booleans(),
        "recording": optional_texts,
        "model": texts,
        "latency_mode": texts,
        "service": st.booleans(),
        "running_s": st.floats(0, 1e9, allow_subnormal=False),
    },
}


def any_of(kinds):
    return st.one_of([st.builds(kind, **OF_FIELDS.get(kind, {})) for kind in kinds.values()])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(["on", "db", "input", "output", "folder", "path", "version", "state", "message", "x"])
almost_messages = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from([*protocol.REQUESTS, *protocol.REPLIES]) | json_values,
    st.dictionaries(fields, json_values, max_size=3),
)


@given(any_of(protocol.REQUESTS))
@settings(deadline=None, max_examples=50)
def test_every_request_arrives_as_it_was_sent(message):
    assert decode_request(encode(message)) == message


@given(any_of(protocol.REPLIES))
@settings(deadline=None, max_examples=50)
def test_every_reply_arrives_as_it_was_sent(message):
    assert decode_reply(encode(message)) == message


@given(st.binary(max_size=300) | (json_values | almost_messages).map(lambda value: json.dumps(value).encode()))
@settings(deadline=None, max_examples=80)
def test_any_bytes_are_a_valid_message_or_a_protocol_error_of_one_line(data):
    for decode in (decode_request, decode_reply):
        problem = ""
        try:
            assert isinstance(decode(data), Message)
        except ProtocolError as error:
            problem = str(error)
        assert len(problem) < 300 and problem.isascii() and "\n" not in problem


def test_a_path_that_is_not_utf8_arrives_whole():
    path = os.fsdecode(b"/tmp/\xff\xfe.onnx")
    assert decode_request(encode(LoadModel(path))) == LoadModel(path)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('{"type": "sing"}', "unknown type of message: 'sing'"),
        ('{"type": ["start"]}', "unknown type"),
        ('{"on": true}', "unknown type"),
        ('{"type": "bypass"}', "lacks its field on"),
        ('{"type": "bypass", "on": true, "gain": 3}', "no field 'gain'"),
        ('{"type": "bypass", "on": 1}', "on must be bool, not 1"),
        ('{"type": "bypass", "on": true, "on": false}', "given twice"),
        ('{"type": "set_limit", "db": true}', "db must be float or nothing, not True"),
        ('{"type": "set_limit", "db": -1}', "0 dB or more"),
        ('{"type": "set_limit", "db": NaN}', "NaN is no number"),
        ('{"type": "set_limit", "db": 1e999}', "out of range"),
        ('{"type": "set_limit", "db": 1' + 400 * "0" + "}", "out of range"),
        ('{"type": "set_limit", "db": 1' + 5000 * "0" + "}", "not a message"),
        ('{"type": "load_model", "path": "a\\u0000b"}', "NUL"),
        ('{"type": "load_model", "path": "' + (MAX_TEXT + 1) * "a" + '"}', "too long"),
        ('{"type": "ok"}', "unknown type"),  # a reply is no request
        ("[" * 30_000, "not a message"),
        ('{"type": "bypass", "on": ' + 500 * "[" + 500 * "]" + "}", "on must be bool, not a list"),
        ("[]", "must be a JSON object"),
        ("", "not a message"),
        ('{"type": "start"}' + MAX_MESSAGE * " ", "too long"),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_refused_and_why(data, says):
    with pytest.raises(ProtocolError, match=re.escape(says)):
        decode_request(data.encode())


def test_an_invalid_message_cannot_even_be_made():
    for make in (
        lambda: Bypass("yes"),
        lambda: SetLimit(float("nan")),
        lambda: LoadModel("a\0b"),
        lambda: StatusReply("running"),
    ):
        with pytest.raises(ProtocolError):
            make()


def test_a_reply_of_texts_at_their_longest_is_an_error_on_the_sending_side():
    with pytest.raises(ProtocolError, match="too long"):
        encode(StatusReply(EngineState.RUNNING, *["€" * MAX_TEXT] * 3))


def test_versions_that_differ_understand_each_others_hello_and_refusal():
    assert decode_request(b'{"type": "hello", "version": 7, "token": [1]}') == Hello(7)
    assert decode_reply(b'{"type": "refused", "message": "m", "hint": "h", "code": 9}') == Refused("m", "h")
