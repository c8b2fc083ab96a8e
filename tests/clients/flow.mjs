// List, watch, patch and wait with Kubernetes' own client for Node, as a script of somebody else's would.

import { pathToFileURL } from 'node:url';

const place = `${process.env.BMCTL_NODE_CLIENT}/node_modules/@kubernetes/client-node/dist/index.js`;
const k8s = await import(pathToFileURL(place));

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const custom = config.makeApiClient(k8s.CustomObjectsApi);
const merge = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch);

const nodes = await core.listNode();
console.log('nodes:', nodes.items.map((node) => node.metadata.name).join());

/** Follows a path until `done` says so of an event. */
const until = (path, query, done) =>
  new Promise((resolve, reject) => {
    let ended = false;
    const follow = new k8s.Watch(config).watch(
      path,
      query,
      (type, object) => {
        if (!ended && done(type, object)) {
          ended = true;
          follow.then((controller) => controller.abort());
          resolve();
        }
      },
      (error) => ended || reject(error ?? new Error(`${path} ended`)),
    );
    follow.catch(reject);
  });

const namespace = 'default';
const started = await core.createNamespacedConfigMap({
  namespace,
  body: { metadata: { name: 'node', labels: { by: 'node' } }, data: { a: '1' } },
});
await core.patchNamespacedConfigMap({ namespace, name: 'node', body: { data: { a: '2' } } }, merge);
await core.deleteNamespacedConfigMap({ namespace, name: 'node' });
const seen = [];
const query = { labelSelector: 'by=node', resourceVersion: started.metadata.resourceVersion };
await until('/api/v1/namespaces/default/configmaps', query, (type, object) => {
  seen.push(`${type}=${object.data.a}`);
  return type === 'DELETED';
});
console.log('events:', seen.join());

const runtime = { group: 'vm.cluster.gke.io', version: 'v1', plural: 'vmruntimes', name: 'vmruntime' };
await custom.patchClusterCustomObject({ ...runtime, body: { spec: { enabled: true } } }, merge);
await until('/apis/vm.cluster.gke.io/v1/vmruntimes', {}, (_, object) => object.status?.ready);
console.log('ready: true');

config.setCurrentContext('limited');
try {
  await config.makeApiClient(k8s.CoreV1Api).listNamespacedSecret({ namespace });
} catch (refused) {
  console.log('refused:', refused.code);
}
process.exit(0);
