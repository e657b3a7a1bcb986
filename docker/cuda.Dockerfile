# The same with XLA for NVIDIA GPUs; the host needs NVIDIA's container toolkit:
#
#	docker build -f docker/cpu.Dockerfile -t golens:cpu .
#	docker build -f docker/cuda.Dockerfile -t golens:cuda .
#	docker run --rm --gpus all -p 8888:8888 golens:cuda
#
# The plugin and CUDA's libraries come with JAX's packages.
FROM golens:cpu

USER root
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --break-system-packages --no-cache-dir "jax-cuda13-plugin[with-cuda]==0.10.2"
USER reader
COPY --chown=reader docker/cuda-env.sh /home/reader/cuda-env.sh
ENTRYPOINT ["/home/reader/cuda-env.sh"]
CMD ["jupyter", "notebook", "--ip=0.0.0.0", "--no-browser"]
