"""Drives the installed golens kernel through Jupyter's own client.

Run by TestRealJupyter, with JUPYTER_DATA_DIR set to where the kernel is
installed. Prints one line for each thing seen; any other end is a failure.
"""
import sys
import time

import nbformat
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient


def run(client, code, timeout=600):
    """Execute code; return the reply's content and the printed text."""
    text = []

    def hook(msg):
        if msg["msg_type"] == "stream":
            text.append(msg["content"]["text"])
        elif msg["msg_type"] == "clear_output":  # the notices of a first start
            text.clear()

    reply = client.execute_interactive(code, timeout=timeout, output_hook=hook)
    return reply["content"], "".join(text)


def expect(what, ok):
    if not ok:
        sys.exit("FAILED: " + what)
    print(what)


manager, client = start_new_kernel(kernel_name="golens", startup_timeout=300)
reply, text = run(client, 'var who = "first"\n%%\nfmt.Println("hello")', 300)
expect("a cell runs", reply["status"] == "ok" and text.strip() == "hello")

msg_id = client.execute("%%\ntime.Sleep(time.Minute)")
time.sleep(1.5)
start = time.time()
manager.interrupt_kernel()
while True:
    reply = client.get_shell_msg(timeout=60)
    if reply["parent_header"]["msg_id"] == msg_id:
        break
expect("an interrupt ends a cell within 2 s",
       reply["content"]["ename"] == "Interrupted" and time.time() - start < 2)
_, text = run(client, "%%\nfmt.Println(who)")
expect("declarations live on after an interrupt", text.strip() == "first")

manager2, client2 = start_new_kernel(kernel_name="golens", startup_timeout=600)
run(client2, 'var who = "second"')
expect("two kernels keep apart",
       run(client, "%%\nfmt.Println(who)")[1].strip() == "first"
       and run(client2, "%%\nfmt.Println(who)")[1].strip() == "second")
client2.stop_channels()
manager2.shutdown_kernel()
expect("a shutdown ends the process", not manager2.is_alive())

manager.restart_kernel()
client.wait_for_ready(timeout=600)
reply, _ = run(client, "%%\nfmt.Println(who)")
expect("a restart forgets declarations", reply["status"] == "error" and "undefined: who" in reply["evalue"])
client.stop_channels()
manager.shutdown_kernel()

nb = nbformat.v4.new_notebook(cells=[
    nbformat.v4.new_markdown_cell("# Title"),
    nbformat.v4.new_code_cell('import "github.com/golens/golens/kernel/nb"'),
    nbformat.v4.new_code_cell('%%\nnb.Show("shown", 42)'),
])
NotebookClient(nb, kernel_name="golens", timeout=600).execute()
nbformat.validate(nb)
expect("nbclient executes a notebook, and it is valid",
       "".join(o.text for o in nb.cells[2].outputs).split() == ["shown", "42"] and nb.cells[2].execution_count == 2)
