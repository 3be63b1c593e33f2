"""A task of Windows' Task Scheduler: starts the engine when this user logs on, and again when it crashes."""

from __future__ import annotations

import getpass
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from enhancer.live.service.manager import Installed, must, run

TASK = "Enhancer"
_NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"


class TaskScheduler:
    """This user's tasks."""

    name = "Task Scheduler"

    def check(self) -> None:
        """Raises ServiceError where it cannot be asked."""
        must("schtasks", "/Query", "/FO", "LIST")

    def install(self, command: Sequence[str], folder: Path) -> str:
        """Registers the task, in place of an older one, and starts it."""
        run("schtasks", "/End", "/TN", TASK)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "task.xml"
            path.write_bytes(task(command, folder, _user()))
            must("schtasks", "/Create", "/TN", TASK, "/XML", str(path), "/F")
        must("schtasks", "/Run", "/TN", TASK)
        return f"task {TASK}"

    def remove(self) -> list[str]:
        """Ends and deletes it."""
        if self.status() is None:
            return []
        run("schtasks", "/End", "/TN", TASK)
        must("schtasks", "/Delete", "/TN", TASK, "/F")
        return [f"task {TASK}"]

    def status(self) -> Installed | None:
        """What the scheduler says, as XML: its lists are in the user's language."""
        done = run("schtasks", "/Query", "/TN", TASK, "/XML")
        if done.returncode:
            return None
        enabled = "<Enabled>false</Enabled>" not in done.stdout
        # The code of a task that runs, 0x41301, is the same in all languages.
        runs = run("schtasks", "/Query", "/TN", TASK, "/V", "/FO", "CSV", "/NH")
        return Installed(f"task {TASK}", enabled, "267009" in runs.stdout)


def task(command: Sequence[str], folder: Path, user: str) -> bytes:
    """The task's definition, in UTF-16 as `schtasks` wants it."""
    root = ElementTree.Element("Task", version="1.2", xmlns=_NAMESPACE)
    _add(root, "RegistrationInfo", Description="Enhancer: a microphone without the noise")
    _add(_add(root, "Triggers"), "LogonTrigger", Enabled="true", UserId=user)
    principal = _add(
        _add(root, "Principals"), "Principal", UserId=user, LogonType="InteractiveToken", RunLevel="LeastPrivilege"
    )
    principal.set("id", "Author")
    settings = _add(
        root,
        "Settings",
        MultipleInstancesPolicy="IgnoreNew",
        DisallowStartIfOnBatteries="false",
        StopIfGoingOnBatteries="false",
        StartWhenAvailable="true",
        ExecutionTimeLimit="PT0S",  # none; the default ends a task after three days
        Priority="4",  # normal; the default, 7, is below
    )
    _add(settings, "RestartOnFailure", Interval="PT1M", Count="10")
    actions = _add(root, "Actions")
    actions.set("Context", "Author")
    _add(
        actions,
        "Exec",
        Command=command[0],
        Arguments=subprocess.list2cmdline(command[1:]),
        WorkingDirectory=str(folder),
    )
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-16", xml_declaration=True)


def _add(parent: ElementTree.Element, tag: str, **children: str) -> ElementTree.Element:
    """A new element below `parent`, with text elements below itself, in their order."""
    element = ElementTree.SubElement(parent, tag)
    for name, text in children.items():
        ElementTree.SubElement(element, name).text = text
    return element


def _user() -> str:
    domain, name = os.environ.get("USERDOMAIN", ""), getpass.getuser()
    return f"{domain}\\{name}" if domain else name
