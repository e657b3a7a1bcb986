"""Runs a notebook with parameters by papermill, whose C# is Go where values are
numbers, texts and booleans."""
import sys
import tempfile

import nbformat
import papermill

given = nbformat.v4.new_code_cell('layers, rate, name, deep := 2, 0.5, "none", false')
given.metadata["tags"] = ["parameters"]
notebook = nbformat.v4.new_notebook(
    cells=[given, nbformat.v4.new_code_cell('fmt.Printf("%d %g %s %t", layers+1, rate, name, deep)')],
    metadata={"kernelspec": {"name": "golens", "display_name": "golens (Go)", "language": "go"}})
with tempfile.TemporaryDirectory() as folder:
    path = folder + "/in.ipynb"
    nbformat.write(notebook, path)
    done = papermill.execute_notebook(
        path, folder + "/out.ipynb", language=".net-csharp", progress_bar=False,
        parameters={"layers": 6, "rate": 1.5, "name": 'a "b"\n', "deep": True})
    nbformat.validate(done)
shown = "".join(o.text for o in done.cells[-1].outputs)
if shown != '7 1.5 a "b"\n true':
    sys.exit(f"FAILED: papermill's parameters: {shown!r}")
print("papermill sets parameters")
