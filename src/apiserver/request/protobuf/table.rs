//! Field numbers of the messages that are read, from the `generated.proto` files of k8s.io/api and
//! k8s.io/apimachinery.

/// One field of a message.
pub(super) struct Field {
    pub number: u8,
    pub name: &'static str,
    pub kind: Kind,
}

/// How a field's value is written.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Texts,
    Bytes,
    /// Zero counts as absent.
    Integer,
    /// Zero is a value.
    OptionalInteger,
    Bool,
    /// False counts as absent.
    Flag,
    Time,
    IntOrString,
    TextMap,
    BytesMap,
    QuantityMap,
    /// What the server keeps itself.
    Ignored,
    Message(&'static [Field]),
    Messages(&'static [Field]),
}

use super::pod::POD;
use Kind::{
    Bool, Bytes, BytesMap, Flag, Ignored, IntOrString, Integer, Message, Messages, OptionalInteger,
    QuantityMap, Text, TextMap, Texts, Time,
};

/// The message of a kind, where it is known.
pub(super) fn of(api_version: &str, kind: &str) -> Option<&'static [Field]> {
    Some(match (api_version, kind) {
        ("v1", "Namespace") => NAMESPACE,
        ("v1", "ConfigMap") => CONFIG_MAP,
        ("v1", "Secret") => SECRET,
        ("v1", "ServiceAccount") => SERVICE_ACCOUNT,
        ("v1", "Event") => EVENT,
        ("v1", "Pod") => POD,
        ("v1", "Service") => SERVICE,
        ("apps/v1", "Deployment") => DEPLOYMENT,
        ("v1", "ResourceQuota") => RESOURCE_QUOTA,
        ("policy/v1", "PodDisruptionBudget") => DISRUPTION_BUDGET,
        ("scheduling.k8s.io/v1", "PriorityClass") => PRIORITY_CLASS,
        ("policy/v1", "Eviction") => EVICTION,
        ("autoscaling/v1", "Scale") => SCALE,
        ("authorization.k8s.io/v1", "SelfSubjectAccessReview") => ACCESS_REVIEW,
        ("authorization.k8s.io/v1", "SelfSubjectRulesReview") => RULES_REVIEW,
        ("authentication.k8s.io/v1", "SelfSubjectReview") => SUBJECT_REVIEW,
        ("authentication.k8s.io/v1", "TokenRequest") => TOKEN_REQUEST,
        ("rbac.authorization.k8s.io/v1", "ClusterRole" | "Role") => ROLE,
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding" | "RoleBinding") => ROLE_BINDING,
        (_, "DeleteOptions") => DELETE_OPTIONS,
        _ => return None,
    })
}

pub(super) const fn field(number: u8, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind }
}

/// `runtime.Unknown`: the envelope.
pub(super) const UNKNOWN: &[Field] = &[
    field(
        1,
        "typeMeta",
        Message(&[field(1, "apiVersion", Text), field(2, "kind", Text)]),
    ),
    field(2, "raw", Bytes),
    field(3, "contentEncoding", Text),
    field(4, "contentType", Text),
];

pub(super) const METADATA: &[Field] = &[
    field(1, "name", Text),
    field(2, "generateName", Text),
    field(3, "namespace", Text),
    field(4, "selfLink", Text),
    field(5, "uid", Text),
    field(6, "resourceVersion", Text),
    field(7, "generation", Integer),
    field(8, "creationTimestamp", Time),
    field(9, "deletionTimestamp", Time),
    field(10, "deletionGracePeriodSeconds", OptionalInteger),
    field(11, "labels", TextMap),
    field(12, "annotations", TextMap),
    field(13, "ownerReferences", Messages(OWNER_REFERENCE)),
    field(14, "finalizers", Texts),
    field(17, "managedFields", Ignored),
];

const OWNER_REFERENCE: &[Field] = &[
    field(1, "kind", Text),
    field(3, "name", Text),
    field(4, "uid", Text),
    field(5, "apiVersion", Text),
    field(6, "controller", Bool),
    field(7, "blockOwnerDeletion", Bool),
];

const NAMESPACE: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "spec", Message(&[field(1, "finalizers", Texts)])),
    field(3, "status", Message(&[field(1, "phase", Text)])),
];

const CONFIG_MAP: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "data", TextMap),
    field(3, "binaryData", BytesMap),
    field(4, "immutable", Bool),
];

const SECRET: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "data", BytesMap),
    field(3, "type", Text),
    field(4, "stringData", TextMap),
    field(5, "immutable", Bool),
];

const SERVICE_ACCOUNT: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "secrets", Messages(OBJECT_REFERENCE)),
    field(3, "imagePullSecrets", Messages(&[field(1, "name", Text)])),
    field(4, "automountServiceAccountToken", Bool),
];

const OBJECT_REFERENCE: &[Field] = &[
    field(1, "kind", Text),
    field(2, "namespace", Text),
    field(3, "name", Text),
    field(4, "uid", Text),
    field(5, "apiVersion", Text),
    field(6, "resourceVersion", Text),
    field(7, "fieldPath", Text),
];

const EVENT: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "involvedObject", Message(OBJECT_REFERENCE)),
    field(3, "reason", Text),
    field(4, "message", Text),
    field(
        5,
        "source",
        Message(&[field(1, "component", Text), field(2, "host", Text)]),
    ),
    field(6, "firstTimestamp", Time),
    field(7, "lastTimestamp", Time),
    field(8, "count", Integer),
    field(9, "type", Text),
    field(10, "eventTime", Time),
    field(
        11,
        "series",
        Message(&[
            field(1, "count", Integer),
            field(2, "lastObservedTime", Time),
        ]),
    ),
    field(12, "action", Text),
    field(13, "related", Message(OBJECT_REFERENCE)),
    field(14, "reportingComponent", Text),
    field(15, "reportingInstance", Text),
];

const EVICTION: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "deleteOptions", Message(DELETE_OPTIONS)),
];

const SCALE: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "spec", Message(&[field(1, "replicas", OptionalInteger)])),
    field(3, "status", Ignored),
];

const DELETE_OPTIONS: &[Field] = &[
    field(1, "gracePeriodSeconds", OptionalInteger),
    field(
        2,
        "preconditions",
        Message(&[field(1, "uid", Text), field(2, "resourceVersion", Text)]),
    ),
    field(3, "orphanDependents", Bool),
    field(4, "propagationPolicy", Text),
    field(5, "dryRun", Texts),
];

const ACCESS_REVIEW: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(
        2,
        "spec",
        Message(&[
            field(
                1,
                "resourceAttributes",
                Message(&[
                    field(1, "namespace", Text),
                    field(2, "verb", Text),
                    field(3, "group", Text),
                    field(4, "version", Text),
                    field(5, "resource", Text),
                    field(6, "subresource", Text),
                    field(7, "name", Text),
                ]),
            ),
            field(
                2,
                "nonResourceAttributes",
                Message(&[field(1, "path", Text), field(2, "verb", Text)]),
            ),
        ]),
    ),
    field(3, "status", Ignored),
];

const RULES_REVIEW: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "spec", Message(&[field(1, "namespace", Text)])),
    field(3, "status", Ignored),
];

const SUBJECT_REVIEW: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "status", Ignored),
];

const TOKEN_REQUEST: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(
        2,
        "spec",
        Message(&[
            field(1, "audiences", Texts),
            field(
                3,
                "boundObjectRef",
                Message(&[
                    field(1, "kind", Text),
                    field(2, "apiVersion", Text),
                    field(3, "name", Text),
                    field(4, "uid", Text),
                ]),
            ),
            field(4, "expirationSeconds", OptionalInteger),
        ]),
    ),
    field(3, "status", Ignored),
];

const ROLE: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(
        2,
        "rules",
        Messages(&[
            field(1, "verbs", Texts),
            field(2, "apiGroups", Texts),
            field(3, "resources", Texts),
            field(4, "resourceNames", Texts),
            field(5, "nonResourceURLs", Texts),
        ]),
    ),
];

const ROLE_BINDING: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(
        2,
        "subjects",
        Messages(&[
            field(1, "kind", Text),
            field(2, "apiGroup", Text),
            field(3, "name", Text),
            field(4, "namespace", Text),
        ]),
    ),
    field(
        3,
        "roleRef",
        Message(&[
            field(1, "apiGroup", Text),
            field(2, "kind", Text),
            field(3, "name", Text),
        ]),
    ),
];

pub(super) const INT_OR_STRING: &[Field] = &[
    field(1, "type", Integer),
    field(2, "number", Integer),
    field(3, "text", Text),
];

pub(super) const QUANTITY: &[Field] = &[field(1, "string", Text)];

const LABEL_SELECTOR: &[Field] = &[
    field(1, "matchLabels", TextMap),
    field(
        2,
        "matchExpressions",
        Messages(&[
            field(1, "key", Text),
            field(2, "operator", Text),
            field(3, "values", Texts),
        ]),
    ),
];

const DEPLOYMENT: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(
        2,
        "spec",
        Message(&[
            field(1, "replicas", OptionalInteger),
            field(2, "selector", Message(LABEL_SELECTOR)),
            field(3, "template", Message(POD)),
            field(
                4,
                "strategy",
                Message(&[
                    field(1, "type", Text),
                    field(
                        2,
                        "rollingUpdate",
                        Message(&[
                            field(1, "maxUnavailable", IntOrString),
                            field(2, "maxSurge", IntOrString),
                        ]),
                    ),
                ]),
            ),
            field(5, "minReadySeconds", Integer),
            field(6, "revisionHistoryLimit", OptionalInteger),
            field(7, "paused", Flag),
            field(9, "progressDeadlineSeconds", OptionalInteger),
        ]),
    ),
    field(3, "status", Ignored),
];

const RESOURCE_QUOTA: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(
        2,
        "spec",
        Message(&[field(1, "hard", QuantityMap), field(2, "scopes", Texts)]),
    ),
    field(3, "status", Ignored),
];

const DISRUPTION_BUDGET: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(
        2,
        "spec",
        Message(&[
            field(1, "minAvailable", IntOrString),
            field(2, "selector", Message(LABEL_SELECTOR)),
            field(3, "maxUnavailable", IntOrString),
        ]),
    ),
    field(3, "status", Ignored),
];

const PRIORITY_CLASS: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "value", OptionalInteger),
    field(3, "globalDefault", Flag),
    field(4, "description", Text),
    field(5, "preemptionPolicy", Text),
];

const SERVICE: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(
        2,
        "spec",
        Message(&[
            field(
                1,
                "ports",
                Messages(&[
                    field(1, "name", Text),
                    field(2, "protocol", Text),
                    field(3, "port", Integer),
                    field(4, "targetPort", IntOrString),
                    field(5, "nodePort", Integer),
                ]),
            ),
            field(2, "selector", TextMap),
            field(3, "clusterIP", Text),
            field(4, "type", Text),
            field(5, "externalIPs", Texts),
            field(7, "sessionAffinity", Text),
            field(10, "externalName", Text),
        ]),
    ),
    field(3, "status", Ignored),
];
