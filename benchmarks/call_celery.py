"""Celery's application, for its workers and its client; the broker's URL is in the environment.

With ``DURABLE`` set, messages and results are written to disk by the broker, and a task is
acknowledged when it has ended; otherwise both are transient and a task is acknowledged when it is
taken. Other settings are Celery's own, but for the results, of which nobody keeps any longer than
needed.
"""

from __future__ import annotations

import os

from celery import Celery

DURABLE = bool(os.environ.get("DURABLE"))

app = Celery("benchmarks", broker=os.environ["BROKER"], backend="rpc://")
app.conf.update(
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    task_default_queue="durable" if DURABLE else "transient",
    task_default_delivery_mode="persistent" if DURABLE else "transient",
    task_acks_late=DURABLE,
    result_persistent=DURABLE,
    broker_connection_retry_on_startup=True,
)


@app.task
def noop() -> None:
    """Nothing."""
