"""`make soak` says what is not flat. Ten minutes are too long for a suite: here are runs that never were."""

from dataclasses import replace

import pytest

from benchmarks.live_soak import Sample, faults_of

STEADY = Sample(0.0, 80.0, 66.0, 80.0, 25.0, drift_ppm=0.0, cpu_percent=15.0, xruns=0, machine_ms=1.0)


def a_run(change) -> list[Sample]:
    """Five minutes, in which `change(second)` is what differs from a steady engine."""
    return [replace(STEADY, at_s=float(second), **change(second)) for second in range(300)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda second: {}, []),
        (lambda second: {"memory_mb": 70.0 if second < 50 else 80.0}, []),
        (lambda second: {"memory_mb": 80.0 + 0.01 * second}, ["memory grew by 1.6 MB"]),
        (lambda second: {"measured_ms": float("nan") if second % 2 else 66.0, "xruns": second}, []),
        (lambda second: {"measured_ms": 90.0 if second % 60 == 0 else 66.0}, []),
        (lambda second: {"measured_ms": 66.0 + 0.05 * second}, ["the latency moved by 11.5 ms"]),
        (
            lambda second: {"waiting_ms": 31.0 if second > 200 else 25.0},
            ["what waits between the devices moved by 6.0 ms"],
        ),
        (lambda second: {"measured_ms": float("nan")}, ["nothing came through"]),
        (
            lambda second: {"measured_ms": 80.0 if 200 <= second < 208 else 66.0, "machine_ms": 40.0 * (second == 200)},
            [],
        ),
        (
            lambda second: {"machine_ms": 15.0},
            ["the machine lets threads wait all the time: latency cannot be judged on it"],
        ),
    ],
)
def test_a_soak_fails_on_growing_memory_and_moving_latency_and_on_nothing_else(change, said):
    assert faults_of(a_run(change)) == said
