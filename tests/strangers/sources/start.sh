#!/bin/sh
exec python3 /srv/jobs.py
