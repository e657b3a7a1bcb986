#!/bin/sh
# Runs in an image, or wherever golens is installed: a notebook by golens' own
# renderer, and the same one by Jupyter.
set -eu
cd "$(dirname "$0")/../notebooks"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
golens version
golens render -o "$out/report.html" 01-induction-heads.ipynb
grep -q '<svg' "$out/report.html"
jupyter nbconvert --to notebook --execute --output-dir "$out" 01-induction-heads.ipynb
grep -q 'image/svg+xml' "$out/01-induction-heads.ipynb"
echo "all is well"
