//! Field numbers of pods and pod templates, as far as `kubectl create deployment` and `kubectl run` fill them in.

use super::table::{
    Field,
    Kind::{
        Bool, Flag, Ignored, Integer, Message, Messages, OptionalInteger, QuantityMap, Text,
        TextMap, Texts,
    },
    METADATA, field,
};

/// Also the template of pods.
pub(super) const POD: &[Field] = &[
    field(1, "metadata", Message(METADATA)),
    field(2, "spec", Message(POD_SPEC)),
    field(3, "status", Ignored),
];

const POD_SPEC: &[Field] = &[
    field(2, "containers", Messages(CONTAINER)),
    field(3, "restartPolicy", Text),
    field(4, "terminationGracePeriodSeconds", OptionalInteger),
    field(5, "activeDeadlineSeconds", OptionalInteger),
    field(6, "dnsPolicy", Text),
    field(7, "nodeSelector", TextMap),
    field(8, "serviceAccountName", Text),
    field(9, "serviceAccount", Text),
    field(10, "nodeName", Text),
    field(11, "hostNetwork", Flag),
    field(12, "hostPID", Flag),
    field(13, "hostIPC", Flag),
    field(15, "imagePullSecrets", Messages(&[field(1, "name", Text)])),
    field(16, "hostname", Text),
    field(17, "subdomain", Text),
    field(19, "schedulerName", Text),
    field(20, "initContainers", Messages(CONTAINER)),
    field(21, "automountServiceAccountToken", Bool),
    field(24, "priorityClassName", Text),
];

const CONTAINER: &[Field] = &[
    field(1, "name", Text),
    field(2, "image", Text),
    field(3, "command", Texts),
    field(4, "args", Texts),
    field(5, "workingDir", Text),
    field(
        6,
        "ports",
        Messages(&[
            field(1, "name", Text),
            field(2, "hostPort", Integer),
            field(3, "containerPort", Integer),
            field(4, "protocol", Text),
            field(5, "hostIP", Text),
        ]),
    ),
    field(
        7,
        "env",
        Messages(&[field(1, "name", Text), field(2, "value", Text)]),
    ),
    field(
        8,
        "resources",
        Message(&[
            field(1, "limits", QuantityMap),
            field(2, "requests", QuantityMap),
        ]),
    ),
    field(13, "terminationMessagePath", Text),
    field(14, "imagePullPolicy", Text),
    field(16, "stdin", Flag),
    field(17, "stdinOnce", Flag),
    field(18, "tty", Flag),
    field(20, "terminationMessagePolicy", Text),
];
