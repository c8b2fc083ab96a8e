"""List, watch, patch and wait with Kubernetes' own client for Python, as a script of somebody else's would."""

from kubernetes import client, config, watch

config.load_kube_config()
core = client.CoreV1Api()
custom = client.CustomObjectsApi()

print("nodes:", [node.metadata.name for node in core.list_node().items])

started = core.create_namespaced_config_map(
    "default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="python", labels={"by": "python"}), data={"a": "1"})
)
core.patch_namespaced_config_map("python", "default", {"data": {"a": "2"}})
core.delete_namespaced_config_map("python", "default")
seen = []
for event in watch.Watch().stream(
    core.list_namespaced_config_map,
    "default",
    label_selector="by=python",
    resource_version=started.metadata.resource_version,
    timeout_seconds=30,
):
    seen.append((event["type"], event["object"].data["a"]))
    if event["type"] == "DELETED":
        break
print("events:", seen)

RUNTIME = {"group": "vm.cluster.gke.io", "version": "v1", "plural": "vmruntimes"}
custom.patch_cluster_custom_object(**RUNTIME, name="vmruntime", body={"spec": {"enabled": True}})
for event in watch.Watch().stream(custom.list_cluster_custom_object, **RUNTIME, timeout_seconds=60):
    if event["object"].get("status", {}).get("ready"):
        print("ready: True")
        break

page = core.list_namespace(limit=2)
count = len(page.items) + (page.metadata.remaining_item_count or 0)
names = [one.metadata.name for one in page.items]
while page.metadata._continue:
    page = core.list_namespace(limit=2, _continue=page.metadata._continue)
    names += [one.metadata.name for one in page.items]
print("pages:", len(names) == count == len(set(names)))

limited = client.CoreV1Api(config.new_client_from_config(context="limited"))
try:
    limited.list_namespaced_secret("default")
except client.ApiException as refused:
    print("refused:", refused.status, refused.reason)
