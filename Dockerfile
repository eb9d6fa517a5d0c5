# vnasdsl with everything that searches need. Nothing runs as root, and the videos stay outside:
#
#   docker build -t vnasdsl .
#   docker run --rm -it --shm-size=8g -v "$PWD:/work" vnasdsl search spaces/tiny.vns --data synthetic --out runs/first
#   docker run --gpus all ...                                    # the PyTorch build of PyPI has CUDA
#   docker build --build-arg EXTRAS= -t vnasdsl-lang .           # without PyTorch: check, fmt, show, diff, compile, lsp
FROM python:3.12-slim AS build
ARG EXTRAS=[search]
COPY . /source
RUN python -m venv /opt/vnasdsl \
    && /opt/vnasdsl/bin/pip install --no-cache-dir --constraint /source/constraints.txt "/source${EXTRAS}"

FROM python:3.12-slim
COPY --from=build /opt/vnasdsl /opt/vnasdsl
ENV PATH=/opt/vnasdsl/bin:$PATH
RUN useradd --create-home vnasdsl
USER vnasdsl
WORKDIR /work
ENTRYPOINT ["vnasdsl"]
CMD ["--help"]
