# vnasdsl with everything that searches need. Nothing runs as root, and the videos stay outside:
#
#   docker build -t vnasdsl .
#   docker run --rm -it --shm-size=8g --user "$(id -u):$(id -g)" -v "$PWD:/work" vnasdsl search spaces/tiny.vns --data synthetic --out runs/first
#   docker run --gpus all ...                                    # the PyTorch build of PyPI has CUDA
#   docker build --build-arg EXTRAS= -t vnasdsl-lang .           # without PyTorch: check, fmt, show, diff, compile, lsp
#
# CI does not build this. It was built and run by hand with buildah, with and without EXTRAS (5.5 and 0.4 GB), on Debian 12 with
# CPython 3.12 in the place of the base image: check, show, search, report, predict. No GPU was there to try.
FROM python:3.12-slim AS build
ARG EXTRAS=[search]
COPY . /source
RUN python -m venv /opt/vnasdsl \
    && /opt/vnasdsl/bin/pip install --no-cache-dir --constraint /source/constraints.txt "/source${EXTRAS}"

FROM python:3.12-slim
COPY --from=build /opt/vnasdsl /opt/vnasdsl
ENV PATH=/opt/vnasdsl/bin:$PATH HOME=/home/vnasdsl
# Whoever --user names can write there: the synthetic videos and the caches of matplotlib and torch.
RUN useradd --create-home vnasdsl && chmod 777 /home/vnasdsl
USER vnasdsl
WORKDIR /work
ENTRYPOINT ["vnasdsl"]
CMD ["--help"]
