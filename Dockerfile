# tfspine in a container. Not built by the project's own tests, which have no Docker; linted by hadolint.
#
#   docker build --tag tfspine .                                      # CPU
#   docker build --tag tfspine:gpu --build-arg EXTRA=gpu .            # NVIDIA GPU; run with --gpus all
#   docker build --tag tfspine:light --build-arg EXTRA=completion .   # DICOM, client and evaluation, without TensorFlow
#   docker run --rm --volume "$PWD:/data" --user "$(id -u):$(id -g)" tfspine demo --out demo
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim-bookworm
# all: the CPU wheels of TensorFlow and every part. gpu: the same with TensorFlow's CUDA wheels.
ARG EXTRA=all
COPY --from=build /wheels /wheels
COPY constraints.txt /wheels/
# The CUDA wheels are not in the lock: they are chosen by TensorFlow's own exact requirements.
RUN set -eu; \
    extras="$EXTRA"; [ "$EXTRA" = gpu ] && extras="gpu,all"; \
    wheel="$(echo /wheels/tfspine-*.whl)"; \
    pip install --no-cache-dir --constraint /wheels/constraints.txt "tfspine[$extras] @ file://$wheel"; \
    rm -r /wheels; \
    useradd --create-home --uid 1000 tfspine
USER 1000:1000
WORKDIR /data
ENTRYPOINT ["tfspine"]
CMD ["--help"]
