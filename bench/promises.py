"""What was measured, told on the terminal as it comes and kept for a file."""

import json
import os
import subprocess
import sys
import time

from bench import table
from bench.measure import ROOT


class Promises:
    """Tables and promises, part by part."""

    def __init__(self):
        self.part = ""
        self.told = {"parts": {}, "bars": []}

    def begin(self, part, about):
        """What follows belongs to this part."""
        self.part = part
        self.told["parts"][part] = {"load": round(os.getloadavg()[0], 1), "timings": {}}
        print(f"\n== {part}: {about} (load {os.getloadavg()[0]:.1f})", flush=True)

    def show(self, timings, unit, title=""):
        """A table; `unit` counts as 1."""
        if title:
            print(f"-- {title}")
        for line in table.rows(timings, unit):
            print(line, flush=True)
        for name, timing in timings.items():
            key = f"{title}: {name}" if title else name
            self.told["parts"][self.part]["timings"][key] = {
                "median": round(timing.median, 3),
                "least": round(timing.least, 3),
                "ratio": round(timing.median / timings[unit].median, 3),
                "seconds": [round(each, 3) for each in timing.seconds],
                "cpu": round(sum(timing.cpu) / len(timing.cpu), 3),
                "peak_mb": round(timing.peak),
                "cut": timing.cut,
            }

    def say(self, line):
        print(line, flush=True)

    def bar(self, what, value, limit, because, unit=" s"):
        """A promise."""
        print(table.bar(what, value, limit, because, unit), flush=True)
        kept = {"what": what, "value": round(value, 3), "limit": round(limit, 3), "unit": unit.strip()}
        self.told["bars"].append({**kept, "part": self.part, "met": value <= limit})

    @property
    def kept(self):
        return all(bar["met"] for bar in self.told["bars"])

    def end(self, file):
        """All promises once more, and the file; an earlier one stays when nothing was measured."""
        if not any(part["timings"] for part in self.told["parts"].values()):
            return
        print("\n== promises")
        for bar in self.told["bars"]:
            verdict = "met" if bar["met"] else "FALLS SHORT"
            print(f"{verdict:11} {bar['value']:7.2f} of {bar['limit']:6.2f} {bar['unit']:2} {bar['what']}")
        asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        self.told["run"] = {
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "commit": asked.stdout.strip(),
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
        }
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(self.told, indent=1) + "\n")
        print(f"written to {file}")
