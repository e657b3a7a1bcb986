# Jupyter with the golens kernel, and XLA for CPUs. From the repository's root:
#
#	docker build -f docker/cpu.Dockerfile -t golens:cpu .
#	docker run --rm -p 127.0.0.1:8888:8888 golens:cpu
#
# The image keeps Go's tools, since cells are compiled. Without 127.0.0.1 in -p,
# everybody who reaches the machine reaches Jupyter.
FROM golang:1.26.8-trixie

RUN apt-get update && apt-get install -y --no-install-recommends \
        jupyter-notebook jupyter-nbconvert jupyter-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home reader
USER reader
WORKDIR /home/reader
ENV PATH=/home/reader/go/bin:$PATH GOPATH=/home/reader/go

COPY --chown=reader . golens
RUN cd golens && go install ./kernel/cmd/golens && golens install -user && golens get xla-cpu
WORKDIR /home/reader/golens/notebooks
EXPOSE 8888
CMD ["jupyter", "notebook", "--ip=0.0.0.0", "--no-browser"]
