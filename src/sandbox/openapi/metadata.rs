//! The schemas that every document shares: the metadata of objects and lists, and what answers carry.

use serde_json::{Map, Value, json};

pub(super) const OBJECT_METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
pub(super) const LIST_METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
pub(super) const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
pub(super) const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
const OWNER_REFERENCE: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference";
const MANAGED_FIELDS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry";
const TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
const FIELDS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1";

pub(super) const OBJECT_METADATA_FIELD: &str = "Standard object's metadata. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
pub(super) const LIST_METADATA_FIELD: &str = "Standard list metadata. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";

pub(super) fn api_version() -> Value {
    text(
        "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized \
         schemas to the latest internal value, and may reject unrecognized values. More info: \
         https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
    )
}

pub(super) fn kind() -> Value {
    text(
        "Kind is a string value representing the REST resource this object represents. Servers may infer this from the \
         endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: \
         https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
    )
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn integer(description: &str) -> Value {
    json!({"type": "integer", "format": "int64", "description": description})
}

fn boolean(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

fn texts(description: &str) -> Value {
    json!({"type": "object", "description": description, "additionalProperties": {"type": "string", "default": ""}})
}

fn referring(name: &str, description: &str) -> Value {
    json!({"description": description, "allOf": [super::reference(name)]})
}

/// The shared schemas by name.
pub(super) fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    for (name, schema) in [
        (OBJECT_METADATA, object_metadata()),
        (LIST_METADATA, list_metadata()),
        (OWNER_REFERENCE, owner_reference()),
        (MANAGED_FIELDS, managed_fields()),
        (STATUS, status()),
        (
            TIME,
            json!({"type": "string", "format": "date-time", "description": "Time is a wrapper around time.Time which \
                supports correct marshaling to YAML and JSON."}),
        ),
        (
            FIELDS,
            json!({"type": "object", "description": "FieldsV1 stores a set of fields in a data structure like a Trie, \
                in JSON format."}),
        ),
        (
            PATCH,
            json!({"type": "object", "description": "Patch is provided to give a concrete name and type to the \
                Kubernetes PATCH request body."}),
        ),
    ] {
        schemas.insert(name.to_owned(), schema);
    }
    schemas
}

fn object_metadata() -> Value {
    json!({
        "type": "object",
        "description": "ObjectMeta is metadata that all persisted resources must have, which includes all objects users \
            must create.",
        "properties": {
            "annotations": texts("Annotations is an unstructured key value map stored with a resource that may be set by \
                external tools to store and retrieve arbitrary metadata. They are not queryable and should be preserved \
                when modifying objects. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations"),
            "creationTimestamp": referring(TIME, "CreationTimestamp is a timestamp representing the server time when this \
                object was created. It is represented in RFC3339 form and is in UTC. Populated by the system. Read-only."),
            "deletionGracePeriodSeconds": integer("Number of seconds allowed for this object to gracefully terminate \
                before it will be removed from the system. Only set when deletionTimestamp is also set. Read-only."),
            "deletionTimestamp": referring(TIME, "DeletionTimestamp is RFC 3339 date and time at which this resource will \
                be deleted. This field is set by the server when a graceful deletion is requested by the user, and is not \
                directly settable by a client. Read-only."),
            "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge",
                "items": {"type": "string", "default": ""},
                "description": "Must be empty before the object is deleted from the registry. Each entry is an identifier \
                    for the responsible component that will remove the entry from the list."},
            "generateName": text("GenerateName is an optional prefix, used by the server, to generate a unique name ONLY \
                IF the Name field has not been provided."),
            "generation": integer("A sequence number representing a specific generation of the desired state. Populated \
                by the system. Read-only."),
            "labels": texts("Map of string keys and values that can be used to organize and categorize (scope and select) \
                objects. May match selectors of replication controllers and services. More info: \
                https://kubernetes.io/docs/concepts/overview/working-with-objects/labels"),
            "managedFields": {"type": "array", "x-kubernetes-list-type": "atomic", "items": super::reference(MANAGED_FIELDS),
                "description": "ManagedFields maps workflow-id and version to the set of fields that are managed by that \
                    workflow. This is mostly for internal housekeeping, and users typically shouldn't need to set or \
                    understand this field."},
            "name": text("Name must be unique within a namespace. Is required when creating resources, although some \
                resources may allow a client to request the generation of an appropriate name automatically. Name is \
                primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: \
                https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"),
            "namespace": text("Namespace defines the space within which each name must be unique. An empty namespace is \
                equivalent to the \"default\" namespace, but \"default\" is the canonical representation. Must be a \
                DNS_LABEL. Cannot be updated."),
            "ownerReferences": {"type": "array", "items": super::reference(OWNER_REFERENCE),
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"],
                "x-kubernetes-patch-merge-key": "uid", "x-kubernetes-patch-strategy": "merge",
                "description": "List of objects depended by this object. If ALL objects in the list have been deleted, \
                    this object will be garbage collected."},
            "resourceVersion": text("An opaque value that represents the internal version of this object that can be used \
                by clients to determine when objects have changed. May be used for optimistic concurrency, change \
                detection, and the watch operation on a resource or set of resources. Read-only."),
            "selfLink": text("Deprecated: selfLink is a legacy read-only field that is no longer populated by the system."),
            "uid": text("UID is the unique in time and space value for this object. It is typically generated by the \
                server on successful creation of a resource and is not allowed to change on PUT operations. Read-only."),
        },
    })
}

fn list_metadata() -> Value {
    json!({
        "type": "object",
        "description": "ListMeta describes metadata that synthetic resources must have, including lists and various \
            status objects.",
        "properties": {
            "continue": text("Where the next page starts; empty where there is none."),
            "remainingItemCount": integer("How many items are on the pages after this one."),
            "resourceVersion": text("The version of the list, which a watch can go on from."),
            "selfLink": text("Deprecated: selfLink is a legacy read-only field that is no longer populated by the system."),
        },
    })
}

fn owner_reference() -> Value {
    json!({
        "type": "object",
        "description": "OwnerReference contains enough information to let you identify an owning object.",
        "required": ["apiVersion", "kind", "name", "uid"],
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "apiVersion": text("API version of the referent."),
            "blockOwnerDeletion": boolean("If true, AND if the owner has the \"foregroundDeletion\" finalizer, then the \
                owner cannot be deleted from the key-value store until this reference is removed."),
            "controller": boolean("If true, this reference points to the managing controller."),
            "kind": text("Kind of the referent."),
            "name": text("Name of the referent."),
            "uid": text("UID of the referent."),
        },
    })
}

fn managed_fields() -> Value {
    json!({
        "type": "object",
        "description": "ManagedFieldsEntry is a workflow-id, a FieldSet and the group version of the resource that the \
            fieldset applies to.",
        "properties": {
            "apiVersion": text("APIVersion defines the version of this resource that this field set applies to."),
            "fieldsType": text("FieldsType is the discriminator for the different fields format and version: FieldsV1."),
            "fieldsV1": referring(FIELDS, "FieldsV1 holds the first JSON version format as described in the \"FieldsV1\" type."),
            "manager": text("Manager is an identifier of the workflow managing these fields."),
            "operation": text("Operation is the type of operation which lead to this entry: Apply or Update."),
            "subresource": text("Subresource is the name of the subresource used to update that object."),
            "time": referring(TIME, "Time is the timestamp of when the entry was added or changed."),
        },
    })
}

fn status() -> Value {
    json!({
        "type": "object",
        "description": "Status is a return value for calls that don't return other objects.",
        "properties": {
            "apiVersion": api_version(),
            "kind": kind(),
            "metadata": referring(LIST_METADATA, LIST_METADATA_FIELD),
            "code": integer("Suggested HTTP return code for this status, 0 if not set."),
            "details": {"type": "object", "description": "Extended data associated with the reason."},
            "message": text("A human-readable description of the status of this operation."),
            "reason": text("A machine-readable description of why this operation is in the \"Failure\" status."),
            "status": text("Status of the operation. One of: \"Success\" or \"Failure\"."),
        },
        "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Status"}],
    })
}
