"""One JSON object a line, or lines as older programs write them."""

import json
import logging
import sys
from datetime import UTC, datetime

PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message", "websocket"}


class Structured(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: value for name, value in vars(record).items() if name not in PLAIN})
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["stack"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Told(logging.Formatter):
    """A sentence and its reason; of what else the record holds, nothing."""

    def format(self, record: logging.LogRecord) -> str:
        reason = getattr(record, "reason", "")
        return super().format(record) + (f": {reason}" if reason else "")


FORMATS: dict[str, logging.Formatter] = {
    "json": Structured(),
    "plain": Told("%(asctime)s %(levelname)s %(name)s %(message)s"),
    "apache": Told("[%(asctime)s] [%(name)s:%(levelname)s] [pid %(process)d] %(message)s", "%a %b %d %H:%M:%S %Y"),
}


def write_to(path: str, level: str, form: str = "json") -> None:
    handler = logging.FileHandler(path) if path else logging.StreamHandler(sys.stdout)
    if form not in FORMATS:
        sys.exit(f"backend: LOG_FORMAT is {form}: it is one of {', '.join(FORMATS)}")
    handler.setFormatter(FORMATS[form])
    logging.basicConfig(level=level, handlers=[handler], force=True)
