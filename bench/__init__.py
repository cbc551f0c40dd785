"""Speed and steadiness, measured side by side in one run. Numbers are for people: no test hangs on them."""
