package checks_test

// The texts of the healthy repository, beside those of the fixture.

const readme = `# Fixture backend

A voice backend as a stranger might write it.

## Features

It talks.

## Install

    python3 -m venv .venv
    source .venv/bin/activate        # Windows: .venv\Scripts\activate
    pip install -r requirements.txt

## Usage

    python3 main.py

## Configuration

Every variable is explained in .env.example; HOST and PORT say where it listens.

## Test

    python3 -m pytest

## Licence

MIT.
`

const program = `"""Starts the backend with the settings of the environment."""

import http.server
import json
import os
import signal
import sys
import threading

REQUIRED = (
    "OPENAI_API_KEY",
    "SPEECHMATICS_API_KEY",
    "CARTESIA_API_KEY",
    "SUPABASE_URL",
    "SUPABASE_ANON_KEY",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "HF_TOKEN",
    "CEREBRIUM_PROJECT_ID",
)


def missing() -> list[str]:
    """Names the settings that are not there."""
    return [name for name in REQUIRED if not os.environ.get(name)]


class Handler(http.server.BaseHTTPRequestHandler):
    """Tells the state."""

    def do_GET(self) -> None:
        """Answers every path with the state."""
        data = json.dumps({"status": "ok", "active_sessions": 0}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def main() -> int:
    """Serves until SIGTERM."""
    lacks = missing()
    if lacks:
        sys.exit("missing settings: " + ", ".join(lacks))
    server = http.server.ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(json.dumps({"ts": "2026-01-01T00:00:00.000Z", "level": "info", "msg": "listening"}), flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
`

const unit = `"""Tests of the settings."""

import main


def test_missing_settings_are_named(monkeypatch):
    """A setting that is not there is named."""
    for name in main.REQUIRED:
        monkeypatch.delenv(name, raising=False)
    assert "HF_TOKEN" in main.missing()
`

const integration = `"""Tests of the whole."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_a_start_without_settings_is_refused():
    """The program ends with 1 and names what it lacks."""
    done = subprocess.run([sys.executable, "main.py"], cwd=HERE, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "OPENAI_API_KEY" in done.stderr
`

const example = `# Secret key of the language model.
OPENAI_API_KEY=
# Secret key of the speech recognition.
SPEECHMATICS_API_KEY=
# Secret key of the voice.
CARTESIA_API_KEY=
# Address of the data.
SUPABASE_URL=
# Public key of the data.
SUPABASE_ANON_KEY=
# Account of the phone network.
TWILIO_ACCOUNT_SID=
# Its secret.
TWILIO_AUTH_TOKEN=
# Token of the model hub.
HF_TOKEN=
# Project at the host of processors.
CEREBRIUM_PROJECT_ID=
# Address and port to listen on.
HOST=127.0.0.1
PORT=8000
`

const compose = `services:
  backend:
    build: .
    ports: ["127.0.0.1:8000:8000"]
    env_file: .env
    restart: unless-stopped
    logging:
      driver: json-file
      options: {max-size: "10m", max-file: "5"}
`

const alerts = `groups:
  - name: backend
    rules:
      - alert: BackendDown
        expr: up == 0
        for: 2m
        labels: {severity: page}
      - alert: TooManyErrors
        expr: rate(http_errors_total[5m]) > 0.1
        for: 5m
        labels: {severity: page}
      - alert: SlowAnswers
        expr: histogram_quantile(0.95, rate(turn_latency_seconds_bucket[5m])) > 2
        for: 5m
        labels: {severity: ticket}
      - alert: MemoryRunsOut
        expr: process_resident_memory_bytes > 2e9
        for: 10m
        labels: {severity: page}
`

// linter is a linter of one rule, for machines without one.
const linter = `#!/usr/bin/env python3
"""A linter of one rule: no blank at the end of a line."""
import pathlib
import sys

bad = 0
for path in pathlib.Path(".").rglob("*.py"):
    if ".venv" in path.parts:
        continue
    for number, line in enumerate(path.read_text().split("\n"), 1):
        if line != line.rstrip():
            print(f"{path}:{number}:1: W291 trailing whitespace")
            bad = 1
sys.exit(bad)
`

// metrics are those of a backend that tells about everything.
const metrics = `# TYPE http_requests_total counter
http_requests_total 12
# TYPE http_errors_total counter
http_errors_total 1
# TYPE active_sessions gauge
active_sessions 0
# TYPE turn_latency_seconds histogram
turn_latency_seconds_bucket{le="1"} 3
turn_latency_seconds_bucket{le="+Inf"} 4
turn_latency_seconds_sum 2.5
turn_latency_seconds_count 4
# TYPE tool_calls_total counter
tool_calls_total 2
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 5e7
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 1.5
`

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: fixture-backend
spec:
  replicas: 3
  selector:
    matchLabels: {app: fixture-backend}
  template:
    metadata:
      labels: {app: fixture-backend}
    spec:
      terminationGracePeriodSeconds: 60
      securityContext: {runAsNonRoot: true, runAsUser: 10001}
      containers:
        - name: backend
          image: registry.example/fixture-backend:1.0.0
          ports: [{containerPort: 8000}]
          env:
            - {name: ENVIRONMENT, value: production}
            - {name: LOG_LEVEL, value: INFO}
          envFrom: [{secretRef: {name: fixture-backend}}]
          resources:
            requests: {cpu: 250m, memory: 256Mi}
            limits: {cpu: "1", memory: 512Mi}
          startupProbe: {httpGet: {path: /health, port: 8000}, failureThreshold: 30, periodSeconds: 2}
          readinessProbe: {httpGet: {path: /health, port: 8000}, initialDelaySeconds: 5, periodSeconds: 10}
          livenessProbe: {httpGet: {path: /health, port: 8000}, initialDelaySeconds: 5, periodSeconds: 10, timeoutSeconds: 3}
---
apiVersion: v1
kind: Service
metadata:
  name: fixture-backend
spec:
  selector: {app: fixture-backend}
  ports: [{port: 80, targetPort: 8000}]
`

const cerebriumTOML = `[cerebrium.deployment]
name = "fixture-backend"
python_version = "3.11"
disable_auth = true
include = ["*.py"]

[cerebrium.runtime.custom]
port = 8000
entrypoint = ["python3", "main.py"]
healthcheck_endpoint = "/health"
readycheck_endpoint = "/health"

[cerebrium.hardware]
cpu = 1.0
memory = 1.0
compute = "AMPERE_A10"
gpu_count = 1

[cerebrium.scaling]
min_replicas = 1
max_replicas = 10
replica_concurrency = 1
cooldown = 60
scaling_buffer = 1
`
