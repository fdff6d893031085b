# syntax=docker/dockerfile:1
# Two stages: wheels are installed from hashes in the first, the second holds only the interpreter and them.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY requirements/operator.txt requirements/build.txt ./requirements/
RUN python3 -m venv --without-pip /opt/venv \
 && python3 -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
      -r requirements/operator.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator ./operator
RUN /opt/build/bin/pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --no-build-isolation .

FROM ${BASE_IMAGE}
ARG VERSION=dev
LABEL org.opencontainers.image.title="crm-monitoring-operator" \
      org.opencontainers.image.description="One CRMMonitoring resource becomes everything that monitors a CRM." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /opt/venv /opt/venv
# kopf asks for the name of the user, and a numeric user has no entry in /etc/passwd.
ENV PATH=/opt/venv/bin:$PATH USER=crm-monitoring PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["crm-monitoring"]
CMD ["operator"]
