//! Makes the table of numbers from the sources of the crate k8s-pb, and checks that it is whole.
//!
//! To make it again, after a change of the definitions or with a newer release of that crate:
//! `K8S_PB=…/k8s-pb-0.9.0/src cargo test -p apiserver numbers`. It needs the program `zstd`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use regex::Regex;

use super::{
    super::{DEFINITIONS, Map, Value},
    NUMBERS,
};

/// What JSON writes in a way of its own; the codec knows how.
const APART: [&str; 10] = [
    "Time",
    "MicroTime",
    "Quantity",
    "IntOrString",
    "RawExtension",
    "FieldsV1",
    "JSON",
    "JSONSchemaPropsOrArray",
    "JSONSchemaPropsOrBool",
    "JSONSchemaPropsOrStringArray",
];

/// What k8s-pb 0.9 has not yet, which is made of Kubernetes 1.35.
const NEWER: &[&str] = &[
    "ApplyConfiguration.expression=1",
    "ImageVolumeStatus.imageRef=1",
    "JSONPatch.expression=1",
    "ListMeta.shardInfo=5",
    "MutatingAdmissionPolicy.metadata=1",
    "MutatingAdmissionPolicy.spec=2",
    "MutatingAdmissionPolicyBinding.metadata=1",
    "MutatingAdmissionPolicyBinding.spec=2",
    "MutatingAdmissionPolicyBindingSpec.matchResources=3",
    "MutatingAdmissionPolicyBindingSpec.paramRef=2",
    "MutatingAdmissionPolicyBindingSpec.policyName=1",
    "MutatingAdmissionPolicySpec.failurePolicy=5",
    "MutatingAdmissionPolicySpec.matchConditions=6",
    "MutatingAdmissionPolicySpec.matchConstraints=2",
    "MutatingAdmissionPolicySpec.mutations=4",
    "MutatingAdmissionPolicySpec.paramKind=1",
    "MutatingAdmissionPolicySpec.reinvocationPolicy=7",
    "MutatingAdmissionPolicySpec.variables=3",
    "Mutation.applyConfiguration=3",
    "Mutation.jsonPatch=4",
    "Mutation.patchType=2",
    "NodeAllocatableResourceClaimStatus.containers=2",
    "NodeAllocatableResourceClaimStatus.resourceClaimName=1",
    "NodeAllocatableResourceClaimStatus.resources=3",
    "PodSchedulingGroup.podGroupName=1",
    "PodSpec.schedulingGroup=43",
    "PodStatus.nodeAllocatableResourceClaimStatuses=21",
    "ResourceHealth.message=6",
    "ShardInfo.selector=1",
    "VolumeMountStatus.volumeStatus=5",
    "VolumeStatus.image=1",
];

/// Optional texts, numbers and truths that are pointers in Go (or always written), so that zero is not nothing.
#[rustfmt::skip]
const POINTERS: &[&str] = &[
    "$ref", "AzureDiskVolumeSource.fsType", "AzureDiskVolumeSource.kind", "AzureDiskVolumeSource.readOnly",
    "CSIVolumeSource.fsType", "CSIVolumeSource.readOnly", "ClientIPConfig.timeoutSeconds",
    "ClusterTrustBundleProjection.name", "Container.restartPolicy", "DeploymentSpec.replicas",
    "EndpointAddress.nodeName", "EphemeralContainer.restartPolicy", "Event.reportingInstance", "HostPathVolumeSource.type",
    "LocalVolumeSource.fsType", "MutatingWebhook.timeoutSeconds", "NodeRuntimeHandler.name",
    "PersistentVolumeClaimSpec.storageClassName", "PodDNSConfigOption.value",
    "PodFailurePolicyOnExitCodesRequirement.containerName", "PodFailurePolicyOnPodConditionsPattern.status",
    "PodSpec.priority", "PortStatus.error", "Preconditions.resourceVersion", "Preconditions.uid",
    "PriorityClass.value", "ReplicaSetSpec.replicas", "ReplicationControllerSpec.replicas",
    "ResourceHealth.message", "RoleRef.apiGroup", "RollingUpdateStatefulSetStrategy.partition",
    "ServiceReference.path", "StatefulSetSpec.replicas", "StatefulSetStatus.availableReplicas",
    "TypedLocalObjectReference.apiGroup", "TypedObjectReference.apiGroup", "TypedObjectReference.namespace",
    "ValidatingWebhook.timeoutSeconds", "Validation.reason", "ValidationRule.reason", "WebhookClientConfig.url",
    "activeDeadlineSeconds", "allocateLoadBalancerNodePorts", "allowPrivilegeEscalation",
    "allowVolumeExpansion", "appProtocol", "automountServiceAccountToken", "backoffLimit",
    "backoffLimitPerIndex", "blockOwnerDeletion", "borrowingLimitPercent", "cachingMode", "capacity", "collisionCount", "completionMode",
    "completions", "controller", "currentHealthy", "currentVolumeAttributesClassName", "defaultMode",
    "deletionGracePeriodSeconds", "deprecationWarning", "desiredHealthy", "disruptionsAllowed",
    "enableServiceLinks", "endpointsNamespace", "expectedPods", "expirationSeconds", "failedIndexes",
    "failedJobsHistoryLimit", "failurePolicy", "fsGroup", "fsGroupChangePolicy", "gmsaCredentialSpec",
    "gmsaCredentialSpecName", "gracePeriodSeconds", "holderIdentity", "hostProcess", "hostUsers",
    "hostnameOverride", "ignoreStoreReadErrorWithClusterBreakingPotential", "immutable", "initiatorName",
    "internalTrafficPolicy", "ipFamilyPolicy", "ipMode", "labelSelectorPath", "leaseDurationSeconds", "lendablePercent",
    "leaseTransitions", "loadBalancerClass", "localhostProfile", "lun", "managedBy", "manualSelector",
    "matchPolicy", "maxExpirationSeconds", "maxFailedIndexes", "maxItems", "maxLength", "maxProperties",
    "maximum", "minDomains", "minItems", "minLength", "minProperties", "minimum", "mode", "mountPropagation",
    "multipleOf", "nodeAffinityPolicy", "nominalConcurrencyShares", "nodeTaintsPolicy", "optional", "optionalOldSelf", "orphanDependents",
    "parallelism", "parameterNotFoundAction", "podGroupName", "podReplacementPolicy", "port",
    "preemptionPolicy", "preferredHolder", "privileged", "procMount", "progressDeadlineSeconds",
    "propagationPolicy", "readOnlyRootFilesystem", "ready", "reclaimPolicy", "recursiveReadOnly",
    "recursiveReadOnlyMounts", "reinvocationPolicy", "remainingItemCount", "reportingComponent",
    "resourceClaimName", "resourceClaimTemplateName", "revisionHistoryLimit", "runAsGroup", "runAsNonRoot",
    "runAsUser", "runAsUserName", "runtimeClassName", "scope", "seLinuxChangePolicy", "secretNamespace", "service",
    "serviceName", "setHostnameAsFQDN", "shareProcessNamespace", "signerName", "start", "started",
    "startingDeadlineSeconds", "stopSignal", "strategy", "succeededCount", "succeededIndexes",
    "successfulJobsHistoryLimit", "supplementalGroupsPolicy", "suspend", "terminating", "terminatingReplicas",
    "terminationGracePeriodSeconds", "timeZone", "token", "tolerationSeconds", "trafficDistribution",
    "ttlSecondsAfterFinished", "unhealthyPodEvictionPolicy", "userNamespaces", "volumeAttributesClassName",
    "volumeBindingMode", "volumeMode", "x-kubernetes-list-type", "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
];

/// Texts that are left out where they are empty, although they are required or of a name like that of a pointer.
const OMITTED: [&str; 8] = [
    "ContainerRestartRule.action",
    "ContainerRestartRuleOnExitCodes.operator",
    "ImageVolumeStatus.imageRef",
    "PodCertificateProjection.keyType",
    "PodCertificateProjection.signerName",
    "TokenReviewSpec.token",
    "ValidatingAdmissionPolicyBindingSpec.policyName",
    "events.v1.Event.reportingInstance",
];

/// A field of a message of k8s-pb: its number, and the last part of its type.
type Fields = BTreeMap<String, (u32, String)>;

/// Names as both sides write them: Rust's are in snake case.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(char::is_ascii_alphanumeric);
    kept.collect::<String>().to_lowercase()
}

/// The messages of a module of k8s-pb.
fn messages(source: &str) -> BTreeMap<String, Fields> {
    let source: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let message = Regex::new(r"pub struct (\w+) \{(.*?)\}").unwrap();
    let field =
        Regex::new(r#"\[prost\([^\]]*tag = "(\d+)"[^\]]*\)\]\s*pub (?:r#)?(\w+):\s*([^#]*)"#)
            .unwrap();
    let last = Regex::new(r"(\w+)[>,\s]*$").unwrap();
    let fields = |body: &str| {
        let found = field.captures_iter(body).map(|one| {
            let of_type = last
                .captures(&one[3])
                .map_or("", |found| found.get(1).unwrap().as_str());
            (plain(&one[2]), (one[1].parse().unwrap(), plain(of_type)))
        });
        found.collect()
    };
    let found = message.captures_iter(&source);
    found.map(|one| (plain(&one[1]), fields(&one[2]))).collect()
}

/// The numbers that lead to a field, through so many messages that JSON has no name for.
fn path(
    all: &BTreeMap<String, Fields>,
    message: &str,
    name: &str,
    named: &dyn Fn(&str) -> bool,
    through: u8,
) -> Option<Vec<u32>> {
    let fields = all.get(message)?;
    if let Some((number, _)) = fields.get(name) {
        return Some(vec![*number]);
    }
    let through = through.checked_sub(1)?;
    let mut unnamed = fields.iter().filter(|(field, _)| !named(field));
    unnamed.find_map(|(_, (number, inner))| {
        let rest = path(all, inner, name, &|_| false, through)?;
        Some([vec![*number], rest].concat())
    })
}

/// Is zero a value of this field?
fn keeps_zero(path: &str, name: &str, definition: &Value) -> bool {
    let of_type = definition["properties"][name]["type"].as_str();
    let is_scalar = matches!(of_type, Some("string" | "integer" | "boolean" | "number"));
    let path = format!(".{path}.{name}");
    let is_in = |list: &[&str]| list.iter().any(|one| path.ends_with(&format!(".{one}")));
    let required = definition["required"].as_array();
    let is_required = required.is_some_and(|required| required.iter().any(|one| one == name));
    is_scalar && !is_in(&OMITTED) && (is_required || is_in(POINTERS))
}

/// The line of a definition, and what has no number.
fn line(full: &str, definition: &Value, all: &BTreeMap<String, Fields>) -> (String, Vec<String>) {
    let kind = full.rsplit('.').next().unwrap();
    let properties = definition["properties"].as_object().into_iter();
    let properties: Vec<&String> = properties.flat_map(Map::keys).collect();
    let names: BTreeSet<String> = properties.iter().map(|name| plain(name)).collect();
    let newer = |name: &str| {
        let start = format!("{kind}.{name}=");
        let known = NEWER.iter().find_map(|row| row.strip_prefix(&start));
        known.map(|number| vec![number.parse().unwrap()])
    };
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in properties {
        let named = |field: &str| names.contains(field);
        match newer(name).or_else(|| path(all, &plain(kind), &plain(name), &named, 2)) {
            Some(path) => found.push((path, name)),
            None => missing.push(format!("{kind}.{name}")),
        }
    }
    found.sort();
    let words = found.iter().map(|(path, name)| {
        let path: Vec<String> = path.iter().map(u32::to_string).collect();
        let mark = if keeps_zero(full, name, definition) {
            "!"
        } else {
            ""
        };
        format!(" {name}={}{mark}", path.join("."))
    });
    (format!("{full}{}\n", words.collect::<String>()), missing)
}

fn generate(sources: &Path) -> String {
    let (mut lines, mut missing) = (String::new(), Vec::new());
    let mut modules = BTreeMap::new();
    for (name, definition) in DEFINITIONS.iter() {
        let (module, kind) = name.rsplit_once('.').unwrap();
        if APART.contains(&kind) || definition["type"] != "object" {
            continue;
        }
        let module = module.trim_start_matches("io.k8s.").replace('.', "/");
        let all = modules
            .entry(module.replace('-', "_"))
            .or_insert_with_key(|module| {
                messages(&fs::read_to_string(sources.join(module).join("mod.rs")).unwrap())
            });
        let (line, lacks) = line(name, definition, all);
        lines += &line;
        missing.extend(lacks);
    }
    // Kind and version of an object are those of its envelope.
    missing.retain(|name| !matches!(name.split_once('.'), Some((_, "apiVersion" | "kind"))));
    assert!(missing.is_empty(), "without a number: {missing:?}");
    lines
}

fn pack(text: &str) -> Vec<u8> {
    let mut zstd = Command::new("zstd")
        .args(["-19", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    zstd.stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    zstd.wait_with_output().unwrap().stdout
}

#[test]
fn numbers_are_those_of_the_source() {
    let Some(sources) = env::var_os("K8S_PB") else {
        return;
    };
    let made = generate(Path::new(&sources));
    if made != *NUMBERS {
        let table = concat!(env!("CARGO_MANIFEST_DIR"), "/kind/model/numbers.zst");
        fs::write(table, pack(&made)).unwrap();
        panic!("the table was out of date, and is made again");
    }
}

#[test]
fn every_field_of_every_definition_has_a_number() {
    let lines = NUMBERS.lines().filter_map(|line| line.split_once(' '));
    let table: BTreeMap<&str, &str> = lines.collect();
    for (definition, schema) in DEFINITIONS.iter() {
        let words = table
            .get(definition.as_str())
            .into_iter()
            .flat_map(|line| line.split(' '));
        let fields: Vec<(&str, &str)> = words.filter_map(|word| word.split_once('=')).collect();
        let names: BTreeSet<&str> = fields.iter().map(|(name, _)| *name).collect();
        let numbers: BTreeSet<&str> = fields
            .iter()
            .map(|(_, number)| number.trim_end_matches('!'))
            .collect();
        assert_eq!(
            numbers.len(),
            fields.len(),
            "{definition}: a number is there twice"
        );
        for name in schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
        {
            // Kind and version of an object are those of its envelope.
            let of_envelope = matches!(name.as_str(), "apiVersion" | "kind");
            assert!(
                of_envelope || names.contains(name.as_str()),
                "{definition}: no number for {name}"
            );
        }
    }
}
