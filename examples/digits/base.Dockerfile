# The layers that every version of the example shares: Python and the locked dependencies.
# From the root of the repository: docker build -t localhost/modelrollout-bentoml -f examples/digits/base.Dockerfile .
ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE}
COPY requirements/examples.txt /tmp/requirements.txt
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /app/.venv \
    && python3 -m pip --python /app/.venv/bin/python install --no-cache-dir --require-hashes -r /tmp/requirements.txt \
    && rm /tmp/requirements.txt
# The user and home that BentoML gives its containers.
RUN echo "bentoml:x:1034:1034::/home/bentoml:/usr/sbin/nologin" >> /etc/passwd \
    && echo "bentoml:x:1034:" >> /etc/group \
    && mkdir /home/bentoml && chown 1034:1034 /home/bentoml
ENV PATH=/app/.venv/bin:$PATH
