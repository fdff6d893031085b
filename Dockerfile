# Two stages: wheels are installed from hashes in the first; the second holds only the interpreter and them.
# BASE_IMAGE: any image with Python 3.11 or newer and venv. Pin it by digest for a build that must be repeatable.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /src
# Wheels in ./wheelhouse are used when they are there; with PIP_NO_INDEX=1 nothing else is, and no network is needed.
ARG PIP_NO_INDEX=
ENV PIP_FIND_LINKS=/src/wheels PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1
COPY requirements/operator.txt requirements/build.txt wheelhous[e] /src/wheels/
RUN python3 -m venv /opt/build \
 && python3 -m venv --without-pip /opt/venv \
 && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r wheels/build.txt \
 && /opt/build/bin/python -m pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes \
      --only-binary :all: -r wheels/operator.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator ./operator
RUN /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/build/bin/python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --no-index dist/*.whl

FROM ${BASE_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="crm-monitoring-operator" \
      org.opencontainers.image.description="One CRMMonitoring resource becomes everything that monitors a CRM." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing is installed at run time. The base keeps its shell and its core utilities.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/pip /usr/local/lib/python3.*/site-packages/pip-* \
      /usr/local/lib/python3.*/ensurepip /usr/lib/python3.*/ensurepip /usr/share/python-wheels
COPY --from=build /opt/venv /opt/venv
# kopf asks for the name of the user, and a numeric user has no entry in /etc/passwd.
ENV PATH=/opt/venv/bin:$PATH USER=crm-monitoring HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["crm-monitoring"]
CMD ["operator"]
