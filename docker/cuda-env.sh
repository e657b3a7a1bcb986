#!/bin/sh
# Points golens at the CUDA plugin that JAX's packages brought, then runs its
# arguments.
set -eu
site=$(/opt/jupyter/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
export GOLENS_BACKEND="xla:$site/jax_plugins/xla_cuda13/xla_cuda_plugin.so"
export XLA_FLAGS="--xla_gpu_cuda_data_dir=$site/nvidia/cu13"
export LD_LIBRARY_PATH="$site/nvidia/cu13/lib:$site/nvidia/cudnn/lib:$site/nvidia/nccl/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export GOPJRT_CUDA_CHECKS=0
exec "$@"
