# JupyterLab with the golens kernel, and XLA for CPUs. From the repository's root:
#
#	docker build -f docker/cpu.Dockerfile -t golens:cpu .
#	docker run --rm -p 127.0.0.1:8888:8888 -v "$PWD:/home/reader/work" \
#	    -v golens-models:/home/reader/.cache/huggingface golens:cpu
#
# The image keeps Go's tools, since cells are compiled. It runs as any user of
# group 0 (--user 12345:0), and holds jupyterhub-singleuser. Without 127.0.0.1 in
# -p, everybody who reaches the machine reaches Jupyter.
FROM golang:1.26.8-trixie

COPY docker/jupyter-wheels.txt /tmp/wheels.txt
RUN apt-get update && apt-get install -y --no-install-recommends \
        python3-venv tini fonts-noto-core fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/jupyter \
    && /opt/jupyter/bin/pip install --no-cache-dir --no-deps --only-binary=:all: --require-hashes -r /tmp/wheels.txt \
    && useradd --uid 1000 --gid 0 --create-home reader
ENV HOME=/home/reader GOPATH=/home/reader/go PATH=/home/reader/go/bin:/opt/jupyter/bin:$PATH
WORKDIR /home/reader

# All is root's, whose group the user is of: what cells are built from is trusted
# only if nobody else could have written it.
COPY . golens
RUN cd golens && go install ./kernel/cmd/golens && golens install -cluster -prefix /opt/jupyter && golens get xla-cpu \
    && mkdir --parents /home/reader/work /home/reader/.cache/huggingface \
    && chgrp -R 0 /home/reader && chmod -R g=u /home/reader
USER 1000:0
VOLUME ["/home/reader/work", "/home/reader/.cache/huggingface"]
WORKDIR /home/reader/golens/notebooks
EXPOSE 8888
HEALTHCHECK --start-period=30s CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8888/api', timeout=5)"]
ENTRYPOINT ["tini", "--"]
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "--ServerApp.root_dir=/home/reader"]
