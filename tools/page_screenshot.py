"""Open a page of a labelling report in a headless Chromium, check that its 3D view draws, and keep a picture.

    python tools/page_screenshot.py out/label/report/kitchen.html kitchen.png

Fails if a script of the page does, or if the page has a 3D view that drew no points.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT_MS = 15_000
"""Of the page's own clock, before the picture is taken."""


def main() -> None:
    """Check and picture the page named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--size", default="1240,2400", help="of the window in pixels")
    args = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is installed; on Debian: apt-get install chromium")
    shown = browse(browser, args.page, args.size, f"--screenshot={args.picture.absolute()}", "--dump-dom")
    failures = re.findall(r"CONSOLE.*(?:Uncaught|Error).*", shown.stderr)
    drawn = re.search(r'<canvas id="view"[^>]*data-ready="(\d+)"', shown.stdout)
    if '<canvas id="view"' in shown.stdout and not (drawn and int(drawn[1])):
        failures.append("the 3D view drew no points")
    if failures or not args.picture.is_file():
        sys.exit("\n".join(failures) or f"no picture was taken:\n{shown.stderr}")
    print(f"{args.picture}: {drawn[1]} points in the 3D view" if drawn else args.picture)


def browse(browser: str, page: Path, size: str, *wanted: str) -> subprocess.CompletedProcess[str]:
    """Open ``page`` once, with WebGL drawn in software; what the page says is in stderr."""
    command = [browser, "--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={size}"]
    command += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--enable-logging=stderr"]
    command += [f"--virtual-time-budget={WAIT_MS}", *wanted, page.absolute().as_uri()]
    return subprocess.run(command, capture_output=True, text=True)


if __name__ == "__main__":
    main()
