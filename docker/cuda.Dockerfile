# The same with XLA for NVIDIA GPUs; the host needs NVIDIA's container toolkit:
#
#	docker build -f docker/cpu.Dockerfile -t golens:cpu .
#	docker build -f docker/cuda.Dockerfile -t golens:cuda .
#	docker run --rm --gpus all -p 127.0.0.1:8888:8888 golens:cuda
#
# The plugin and CUDA's libraries come with JAX's packages. Without 127.0.0.1 in
# -p, everybody who reaches the machine reaches Jupyter.
FROM golens:cpu

USER root
COPY docker/cuda-wheels.txt /tmp/wheels.txt
RUN /opt/jupyter/bin/pip install --no-cache-dir --no-deps --only-binary=:all: --require-hashes -r /tmp/wheels.txt
COPY docker/cuda-env.sh /home/reader/cuda-env.sh
USER 1000:0
ENTRYPOINT ["tini", "--", "/home/reader/cuda-env.sh"]
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "--ServerApp.root_dir=/home/reader"]
