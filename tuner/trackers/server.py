"""MLflow's own UI on the record, with the settings that keep it light."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from tuner import quiet
from tuner.errors import TrackingError
from tuner.home import Home

_HOST = "127.0.0.1"
# Without the job runner it is 2 processes and 0.5 GB instead of 10 and 1.2 GB. The rest keeps it from talking.
_LIGHT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "PYTHONWARNINGS": "ignore",
}


def serve(home: Home, port: int, say: Callable[[str], None]) -> None:
    """Becomes MLflow's server, until it is interrupted. Raises TrackingError where there is nothing to show.

    A record that a server of its own keeps is not served again: its address is what there is to open.
    """
    uri = home.tracking_uri
    if urlsplit(uri).scheme in ("http", "https"):
        say(f"the record is kept by the server that MLFLOW_TRACKING_URI names; open {uri}")
        return
    if uri == home.own_store and not home.store_file.exists():
        raise TrackingError(f"{home.store_file}: nothing is recorded yet. Type: tuner search diabetes")
    free = _free_port(port)
    if free != port:
        say(f"port {port} is taken, {free} is not")
    say(f"MLflow's UI: http://{_HOST}:{free}  (in some seconds; Ctrl-C ends it; its log is mlflow/server.log)")
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri),
        *("--host", _HOST, "--port", str(free), "--workers", "1", "--uvicorn-opts", "--log-level warning"),
    ]
    if uri == home.own_store:
        command += ["--default-artifact-root", home.artifacts.as_uri()]
    sys.stdout.flush()
    # It says much, and ends on Ctrl-C with a traceback of its own.
    log = home.store_file.with_name("server.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    quiet.turn_away(log)
    # In place of this process, so that whatever ends it ends the server.
    os.execve(sys.executable, command, {**os.environ, **_LIGHT})


def _free_port(first: int) -> int:
    """The first port from `first` on that nobody listens on."""
    for port in range(first, min(first + 100, 65536)):
        with socket.socket() as tried:
            if tried.connect_ex((_HOST, port)) != 0:
                return port
    raise TrackingError(f"ports {first} to {first + 99} are all taken; name another with --port")
