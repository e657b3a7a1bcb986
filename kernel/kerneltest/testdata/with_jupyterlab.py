"""Drives the installed golens kernel in JupyterLab, in a browser.

Run by TestJupyterLab, with JUPYTER_DATA_DIR set to where the kernel is installed
and CHROMIUM to the browser. Prints one line for each thing seen, and leaves
pictures in SCREENSHOTS; any other end is a failure.
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

import nbformat
from playwright.sync_api import TimeoutError, sync_playwright

SLOW = 900_000  # ms: a first cell may build the model engine
CELLS = [
    'm := model.Open("zoo:godoc-2l")\nm',
    'x := 20\nx + 22',
    'text := m.Tokens(" the file is the file")\n'
    'plotting.Attention(m.Run(text.Capture(hook.Pattern(1))).At(hook.Pattern(1)))',
    'strings.Repe',
    'fmt.Println("sleeps")\ntime.Sleep(time.Minute)',
    'var name string\nfmt.Scan(&name)\nfmt.Println("hello", name)',
    'x',
    'planted := model.Open("zoo:ioi-4l")\n'
    'ioi.Find(planted, task.IOI(planted, task.IOIOptions{N: 200, Seed: 1}), ioi.Options{})',
    'for i := range 400_000 {\n\tfmt.Println("line", i, "of a text that nobody reads to its end")\n}',
]


def write(path, cells):
    nbformat.write(nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(c) for c in cells],
        metadata={"kernelspec": {"name": "golens", "display_name": "golens (Go)", "language": "go"}}), path)


def settings(folder):
    """Shows all cells at once, and no news."""
    for plugin, values in {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false"},
    }.items():
        file = folder / "@jupyterlab" / (plugin + ".jupyterlab-settings")
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))


def expect(what, ok, found=""):
    if not ok:
        sys.exit(f"FAILED: {what}: {found!r}")
    print(what, flush=True)


class Lab:
    """A notebook in a page of JupyterLab."""

    def __init__(self, browser, url, name):
        self.page = browser.new_page(viewport={"width": 1300, "height": 2000})
        self.page.set_default_timeout(SLOW)
        self.page.goto(f"{url}/lab/tree/{name}?token=t&reset")
        self.page.get_by_text("golens (Go) | Idle").first.wait_for(timeout=SLOW)

    def cell(self, i):
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(i)

    def run(self, i, wait=True):
        self.cell(i).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        if wait:
            return self.done(i)

    def done(self, i, timeout=SLOW):
        """Waits for the end of a cell and returns what it shows."""
        prompt = self.cell(i).locator(".jp-InputPrompt")
        end = time.time() + timeout / 1000
        while not re.search(r"\[\d+\]", prompt.inner_text()):
            if time.time() > end:
                self.shot("stuck")
                sys.exit(f"FAILED: cell {i} does not end")
            time.sleep(0.05)
        return "\n".join(self.cell(i).locator(".jp-OutputArea-output").all_inner_texts())

    def shot(self, name):
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            self.page.screenshot(path=f"{folder}/{name}.png")


def drive(browser, url):
    lab = Lab(browser, url, "a.ipynb")
    page = lab.page
    shown = lab.run(0)
    expect("a model is shown", "2 layers, 2 heads" in shown, shown)
    shown = lab.run(1)
    expect("statements run and the last value is shown", shown.strip() == "42", shown)

    lab.run(2)
    figure = lab.cell(2).locator(".golens-figure")
    figure.locator("select, button").first.wait_for(timeout=300_000)
    figure.locator("svg rect").first.hover()
    seen = figure.locator("[role=status]").inner_text()
    expect("pointing at an attention figure shows a value", "<bos> → <bos>: 1" in seen, seen)
    figure.locator("button").last.hover()
    seen = figure.inner_text()
    lab.shot("attention")
    expect("pointing at a token shows where it looks", "“le” looks at “<bos>”" in seen, seen)

    lab.cell(3).locator(".cm-content").click()
    page.keyboard.press("End")
    for tries in range(1, 20):  # JupyterLab waits for a second; a busy machine may need more
        page.keyboard.press("Tab")
        try:
            lab.cell(3).get_by_text("strings.Repeat").or_(page.locator(".jp-Completer").get_by_text("Repeat")).first.wait_for(timeout=1_500)
            break
        except TimeoutError:
            pass
    lab.shot("tab")
    page.keyboard.press("Enter")
    typed = lab.cell(3).locator(".cm-content").inner_text()
    expect(f"Tab completes (tries: {tries})", typed.strip() == "strings.Repeat", typed)
    page.keyboard.press("Escape")

    lab.run(4, wait=False)
    lab.cell(4).get_by_text("sleeps", exact=True).last.wait_for(timeout=300_000)
    page.keyboard.press("Escape")
    start = time.time()
    page.keyboard.press("i")
    page.keyboard.press("i")
    shown = lab.done(4, 55_000)
    expect("i i interrupts", "Interrupted" in shown and time.time() - start < 50, shown)  # of a minute
    lab.shot("interrupted")

    lab.run(5, wait=False)
    field = lab.cell(5).locator("input.jp-Stdin-input")
    field.wait_for(timeout=300_000)
    lab.shot("input")
    field.fill("Ada")
    field.press("Enter")
    shown = lab.done(5)
    expect("a program asks in the input box", "hello Ada" in shown, shown)

    lab.run(7, wait=False)
    bar = lab.cell(7).locator(".jp-OutputArea-output").filter(has_text="ioi.Find")
    try:
        bar.first.wait_for(timeout=300_000)
    except TimeoutError:
        lab.shot("stuck")
        sys.exit(f"FAILED: no bar: {lab.cell(7).inner_text()!r}")
    time.sleep(1)  # half-way, where the machine is not very quick
    lab.shot("progress")
    seen = bar.first.inner_text()
    expect("a search has a bar that names it", re.search(r"ioi.Find\s+\d+/\d+, [0-9.]+/s, .* (s|min|h)", seen), seen)
    width = bar.first.evaluate("b => [...b.querySelectorAll('div')].filter(d => /^[0-9.]+%$/.test(d.style.width)).map(d => d.getBoundingClientRect().width)")
    expect("the bar is drawn", len(width) == 1 and width[0] > 0, width)
    shown = lab.done(7)
    expect("the search ends with its circuit", "S suppressor" in shown, shown)
    lab.shot("found")

    start = time.time()
    shown = lab.run(8)
    took = time.time() - start
    expect(f"a long text is cut ({took:.0f} s)", "the rest is not shown" in shown and took < 48, (took, shown[-200:]))
    lab.cell(8).locator(".cm-content").click()
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    page.keyboard.press("d")  # or every later picture shows its end

    other = Lab(browser, url, "b.ipynb")
    shown = other.run(0)
    expect("a second notebook runs", shown.strip() == "other", shown)
    shown = lab.run(6)
    expect("the first keeps its own x", shown.strip() == "20", shown)
    other.page.close()

    page.get_by_title("Restart the kernel").first.click()
    page.get_by_role("button", name="Restart", exact=True).or_(
        page.locator(".jp-Dialog .jp-mod-accept")).first.click()
    page.get_by_text("golens (Go) | Idle").first.wait_for(timeout=300_000)
    shown = lab.run(6)
    expect("a restart forgets variables", "undefined: x" in shown, shown)
    lab.shot("restarted")


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    (folder / "work").mkdir()
    settings(folder / "settings")
    write(folder / "work" / "a.ipynb", CELLS)
    write(folder / "work" / "b.ipynb", ['x := "other"\nx'])
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0",
         "--IdentityProvider.token=t", f"--ServerApp.root_dir={folder / 'work'}"],
        env=os.environ | {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "JUPYTER_CONFIG_DIR": str(folder / "config"),
                          "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])
            drive(browser, url)
            browser.close()
    finally:
        server.terminate()
        server.wait(60)
