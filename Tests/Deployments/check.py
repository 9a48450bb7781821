#!/usr/bin/env python3
"""Checks examples/deploy and the Dockerfile without a container engine or a cluster.

usage: Tests/Deployments/check.py AGENTSHIELD

AGENTSHIELD is the gateway's binary, which judges the configurations. Prints "ok NAME" or "not ok NAME" for each check. The packages of
requirements.txt have to be installed; Scripts/check-deployments sees to that.
"""
import json
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile

import kubernetes.client
import yaml

root = pathlib.Path(__file__).resolve().parent.parent.parent
deploy = root / "examples/deploy"
checks = []


def check(function):
    checks.append(function)
    return function


def demand(condition, message):
    if not condition:
        raise AssertionError(message)


def load(name):
    return yaml.safe_load((deploy / name).read_text())


def seconds(duration):
    return int(re.fullmatch(r"(\d+)s", duration).group(1))


def shares_state(configuration, environment):
    """Whether replicas of it have limits, keys and the ledger together."""
    return configuration.get("replicas") == "many" and {"REDIS_URL_FILE", "DATABASE_URL_FILE"} <= set(environment)


# Compose


@check
def compose_file_follows_the_schema():
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(deploy / "compose.yaml")]
    result = subprocess.run(schema, capture_output=True, text=True)
    demand(result.returncode == 0, result.stdout + result.stderr)


@check
def compose_file_is_whole():
    compose = load("compose.yaml")
    services = compose["services"]
    demand(set(services) == {"gateway", "migrate", "redis", "postgres"}, f"services are {sorted(services)}")
    for name, service in services.items():
        demand("healthcheck" in service, f"{name} has no health check")
        unknown = set(service.get("secrets", [])) - set(compose["secrets"])
        demand(not unknown, f"{name} names secrets that are not defined: {unknown}")
        for variable, path in service.get("environment", {}).items():
            if variable.endswith("_FILE"):
                demand(path.removeprefix("/run/secrets/") in service["secrets"], f"{name}: {variable} is at {path}, which is not mounted")
    used = {secret for service in services.values() for secret in service.get("secrets", [])}
    demand(used == set(compose["secrets"]), f"secrets that nothing uses: {set(compose['secrets']) - used}")
    gateway = services["gateway"]
    demand(gateway["read_only"] and gateway["cap_drop"] == ["ALL"], "the gateway may write or has capabilities")
    demand(seconds(gateway["stop_grace_period"]) > seconds(load("gateway.yaml")["drain_deadline"]), "stopping does not wait for the drain")
    demand(not any("profiles" in service for service in services.values()), "a store does not start with the gateway")
    waits = {name: waited["condition"] for name, waited in gateway["depends_on"].items()}
    demand(
        waits == {"migrate": "service_completed_successfully", "redis": "service_healthy"}, f"the gateway waits for {waits}")
    demand(services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy", "migrating does not wait for PostgreSQL")
    demand(services["migrate"]["command"] == ["agentshield", "migrate"], "nothing migrates")
    demand(shares_state(load("gateway.yaml"), gateway["environment"]), "the gateway does not share its state")
    redis = " ".join(services["redis"]["command"])
    demand("--maxmemory-policy noeviction" in redis and "--appendfsync always" in redis, "Redis may lose state")
    ignored = (root / ".gitignore").read_text().splitlines()
    demand("examples/deploy/secrets/" in ignored, "secrets could be committed")


# Kubernetes


def check_type(value, type_name, path):
    """Whether a value is what Kubernetes' API description says, its unknown and missing fields included."""
    if container := re.fullmatch(r"List\[(.+)\]", type_name):
        demand(isinstance(value, list), f"{path} is no list")
        return [check_type(item, container.group(1), f"{path}[{index}]") for index, item in enumerate(value)]
    if container := re.fullmatch(r"Dict\[str, (.+)\]", type_name):
        demand(isinstance(value, dict), f"{path} is no map")
        return {key: check_type(item, container.group(1), f"{path}.{key}") for key, item in value.items()}
    scalars = {"str": str, "int": int, "bool": bool, "object": object}
    if type_name in scalars:
        # To Python a boolean is an integer.
        is_right = isinstance(value, scalars[type_name]) and (type_name != "int" or not isinstance(value, bool))
        demand(is_right, f"{path} is no {type_name}")
        return value
    model = getattr(kubernetes.client, type_name)
    demand(isinstance(value, dict), f"{path} is no {type_name}")
    attributes = {json_name: name for name, json_name in model.attribute_map.items()}
    unknown = set(value) - set(attributes)
    demand(not unknown, f"{path} has fields that {type_name} does not know: {unknown}")
    fields = {attributes[key]: check_type(item, model.openapi_types[attributes[key]], f"{path}.{key}") for key, item in value.items()}
    try:
        return model(**fields)
    except ValueError as error:
        raise AssertionError(f"{path}: {error}") from error


def kubernetes_objects():
    documents = list(yaml.safe_load_all((deploy / "kubernetes.yaml").read_text()))
    return {document["kind"]: document for document in documents}


@check
def kubernetes_objects_follow_the_api():
    models = {
        ("v1", "ConfigMap"): "V1ConfigMap", ("apps/v1", "Deployment"): "V1Deployment", ("v1", "Service"): "V1Service",
        ("autoscaling/v2", "HorizontalPodAutoscaler"): "V2HorizontalPodAutoscaler", ("policy/v1", "PodDisruptionBudget"): "V1PodDisruptionBudget",
    }
    for kind, document in kubernetes_objects().items():
        model = models.get((document["apiVersion"], kind))
        demand(model, f"{document['apiVersion']} {kind} is not expected here")
        check_type(document, model, kind)


@check
def kubernetes_objects_fit_together():
    objects = kubernetes_objects()
    deployment = objects["Deployment"]["spec"]
    pod = deployment["template"]
    labels = pod["metadata"]["labels"]
    for name, selector in [
        ("Deployment", deployment["selector"]["matchLabels"]),
        ("Service", objects["Service"]["spec"]["selector"]),
        ("PodDisruptionBudget", objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]),
    ]:
        demand(selector.items() <= labels.items(), f"{name} selects no pod")
    target = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    demand(target["name"] == objects["Deployment"]["metadata"]["name"], "the autoscaler's target is not there")
    [container] = pod["spec"]["containers"]
    demand("image" in container, "the container has no image")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for port in objects["Service"]["spec"]["ports"]:
        demand(port["targetPort"] in ports, f"the service's port {port['name']} leads nowhere")
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
        demand(container[probe]["httpGet"]["port"] == "admin", f"{probe} does not ask the admin listener")
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    demand(volumes == set(mounts), f"volumes {volumes}, mounts {set(mounts)}")
    for variable in container["env"]:
        demand(any(variable["value"].startswith(path + "/") for path in mounts.values()), f"{variable['name']} is at a path that is not mounted")
    configuration = yaml.safe_load(objects["ConfigMap"]["data"]["agentshield.yaml"])
    demand(shares_state(configuration, [variable["name"] for variable in container["env"]]), "replicas do not share their state")
    [migration] = pod["spec"]["initContainers"]
    demand(migration["command"] == ["agentshield", "migrate"] and migration["image"] == container["image"], "nothing migrates")
    paths = {variable["name"]: variable["value"] for variable in migration["env"]}
    mounted = [mount["mountPath"] for mount in migration["volumeMounts"]]
    demand(set(paths) == {"DATABASE_URL_FILE"}, f"the migration is told {set(paths)}")
    demand(any(paths["DATABASE_URL_FILE"].startswith(path + "/") for path in mounted), "the migration cannot read where the database is")
    listeners = {name: int(listener["address"].rpartition(":")[2]) for name, listener in configuration["listen"].items()}
    demand(listeners == ports, f"the gateway listens on {listeners}, the pod has {ports}")
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    demand(grace > pause + seconds(configuration["drain_deadline"]), "the pod is killed before it has drained")


@check
def kubernetes_pod_is_confined():
    pod = kubernetes_objects()["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    demand(pod["securityContext"]["runAsNonRoot"] is True, "the pod may run as root")
    demand(pod["securityContext"]["runAsUser"] == image_user(), "the pod's user is not the image's")
    for confined in [container, *pod["initContainers"]]:
        name, security = confined["name"], confined["securityContext"]
        demand(security["allowPrivilegeEscalation"] is False and security["readOnlyRootFilesystem"] is True, f"{name} may gain rights or write")
        demand(security["capabilities"]["drop"] == ["ALL"], f"{name} has capabilities")
    demand(container["resources"]["limits"] == {"cpu": "500m", "memory": "512Mi"}, "the limits are not 0.5 CPU and 512 MiB")


# Render


@check
def render_blueprint_is_whole():
    [service] = load("render.yaml")["services"]
    allowed = {
        "type", "name", "runtime", "dockerfilePath", "dockerContext", "dockerCommand", "plan", "numInstances", "healthCheckPath",
        "maxShutdownDelaySeconds", "autoDeploy", "envVars",
    }
    demand(set(service) <= allowed, f"fields that Render does not know: {set(service) - allowed}")
    demand(service["type"] == "web" and service["runtime"] == "docker", "it is no web service with a Dockerfile")
    demand(service["healthCheckPath"] == "/healthz", "the health check is not the gateway's")
    configuration = load("gateway-behind-proxy.yaml")
    demand(30 <= service["maxShutdownDelaySeconds"] <= 300, "Render allows 30 to 300 seconds here")
    demand(service["maxShutdownDelaySeconds"] > seconds(configuration["drain_deadline"]), "it is killed before it has drained")
    demand(all(variable.get("sync") is False for variable in service["envVars"]), "a secret stands in the file")
    named = {configuration["auth"]["pepper_env"]} | {provider["api_key_env"] for provider in configuration["providers"].values()}
    demand({variable["key"] for variable in service["envVars"]} == named, "the variables are not those that the configuration names")


# Configurations, judged by the gateway itself


def make_certificate(folder):
    """One that an authority signed, as clients of many replicas need it."""
    script = """
        new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        openssl req -x509 $new -subj /CN=authority -out authority.pem -keyout authority.key
        openssl req $new -subj /CN=gateway.example.com -out request.pem -keyout key.pem
        echo subjectAltName=DNS:gateway.example.com > names
        openssl x509 -req -in request.pem -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names -out certificate.pem
    """
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)
    return f"{folder}/certificate.pem", f"{folder}/key.pem"


def check_configuration(text, environment={}, refusal=None):
    """The placeholders that a user replaces are replaced: the key's hash, and the paths at which secrets will be."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_certificate(folder)
        text = text.replace("0" * 64, secrets.token_hex(32))
        text = re.sub(r"(?m)(\bcertificate:) .*", rf"\1 {certificate}", text)
        text = re.sub(r"(?m)(\bprivate_key:) .*", rf"\1 {key}", text)
        path = pathlib.Path(folder) / "agentshield.yaml"
        path.write_text(text)
        environment = {"AGENTSHIELD_PEPPER": secrets.token_hex(32), "OPENAI_API_KEY": "sk-test", "PATH": "/usr/bin:/bin", **environment}
        result = subprocess.run([sys.argv[1], "check", "--config", str(path)], capture_output=True, text=True, env=environment)
        told = result.stdout + result.stderr
        demand(refusal in told and result.returncode == 78 if refusal else result.returncode == 0, told)


stores = {"REDIS_URL": "redis://:password@redis:6379", "DATABASE_URL": "postgresql://agentshield:password@postgres:5432/agentshield"}


def check_shared_configuration(text):
    check_configuration(text, stores)
    for name in stores:
        check_configuration(text, {other: url for other, url in stores.items() if other != name}, refusal=name)


@check
def compose_configuration_is_accepted():
    check_shared_configuration((deploy / "gateway.yaml").read_text())


@check
def render_configuration_is_accepted():
    check_configuration((deploy / "gateway-behind-proxy.yaml").read_text())


@check
def kubernetes_configuration_is_accepted():
    check_shared_configuration(kubernetes_objects()["ConfigMap"]["data"]["agentshield.yaml"])


# Dockerfile


def dockerfile_stages():
    text = re.sub(r"(?m)^#.*\n", "", (root / "Dockerfile").read_text()).replace("\\\n", " ")
    return [re.findall(r"(?m)^([A-Z]+) (.*)$", "FROM" + stage) for stage in text.split("\nFROM")[1:]]


def image_user():
    [user] = [argument for instruction, argument in dockerfile_stages()[-1] if instruction == "USER"]
    return int(user.partition(":")[0])


@check
def image_runs_unprivileged_and_checks_itself():
    final = dict(dockerfile_stages()[-1])
    demand(image_user() > 0, "the image runs as root")
    demand("HEALTHCHECK" in final and "EXPOSE" in final and "CMD" in final, "HEALTHCHECK, EXPOSE or CMD is missing")
    demand("swift" not in final["FROM"], "the toolchain is in the final image")


@check
def image_has_every_c_library():
    manifest = (root / "Package.swift").read_text()
    declared = {package for group in re.findall(r"\.apt\(\[(.*?)\]\)", manifest) for package in re.findall(r'"(.*?)"', group)}
    demand(declared, "the manifest declares no Debian package")
    build, final = (" ".join(argument for instruction, argument in stage if instruction == "RUN") for stage in dockerfile_stages())
    demand(declared <= set(build.split()), f"the build stage lacks {declared - set(build.split())}")
    installer = (root / "Scripts/install-dependencies").read_text()
    for package in declared:
        demand(f" {package} " in installer, f"Scripts/install-dependencies lacks {package}")
    for library in ["libssl3", "libhiredis0.14", "libpq5", "liblz4-1", "libsqlite3-0", "zlib1g", "ca-certificates"]:
        demand(library in final.split(), f"the final image lacks {library}")


@check
def image_context_has_what_is_copied():
    ignored = (root / ".dockerignore").read_text().splitlines()
    for stage in dockerfile_stages():
        for instruction, argument in stage:
            if instruction == "COPY" and not argument.startswith("--from"):
                for source in argument.split()[:-1]:
                    demand((root / source).exists() and f"!{source}" in ignored, f"{source} is not in the build context")


@check
def grafana_dashboard_asks_for_metrics_that_there_are():
    dashboard = json.loads((deploy / "grafana-dashboard.json").read_text())
    documented = (root / "docs/observability.md").read_text()
    for panel in dashboard["panels"]:
        demand(panel["targets"] and panel["title"], "a panel shows nothing")
        for target in panel["targets"]:
            # Metrics stand before a selector; labels before an operator, or in a list behind `by`.
            for name in re.findall(r"\b((?:agentshield|gen_ai|process)_[a-z_]+)\{", target["expr"]):
                name = re.sub(r"_(bucket|count)$", "", name)
                known = name in documented or (name.endswith("_max") and name.removesuffix("_max") in documented)
                demand(known, f"{panel['title']!r} asks for {name}, which docs/observability.md does not know")


def main():
    failed = False
    for function in checks:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {name}", flush=True)
        except Exception as error:  # One broken check must not hide the others.
            failed = True
            print(f"not ok {name}\n    {type(error).__name__}: {error}", flush=True)
    sys.exit(failed)


if len(sys.argv) != 2:
    sys.exit(__doc__)
main()
