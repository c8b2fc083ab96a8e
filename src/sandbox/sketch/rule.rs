//! Roles, admission policies, and definitions of custom resources.

use serde_json::Value;

use super::{
    Field, Sketch, atomic_object, boolean, conditions, integer, label_selector, list, list_by,
    object, set, text, texts,
};

pub(super) fn role() -> Sketch {
    let rules = list(
        "What the role allows.",
        vec![
            (
                "apiGroups",
                texts("The API groups of the resources; \"\" is the core group."),
            ),
            ("resources", texts("The resources; \"*\" is all.")),
            ("resourceNames", texts("The only names that are meant.")),
            ("verbs", texts("What may be done; \"*\" is everything.")),
            ("nonResourceURLs", texts("Paths that are no resources.")),
        ],
    );
    (
        "A set of rules that can be referenced as a unit by a binding.",
        vec![("rules", rules)],
    )
}

pub(super) fn role_binding() -> Sketch {
    let subjects = list(
        "Who is given the role.",
        vec![
            ("kind", text("User, Group or ServiceAccount.")),
            ("apiGroup", text("The API group of the subject.")),
            ("name", text("Name of the subject.")),
            ("namespace", text("Namespace of a ServiceAccount.")),
        ],
    );
    let role = atomic_object(
        "The role that is given; it cannot be changed.",
        vec![
            ("apiGroup", text("The API group of the role.")),
            ("kind", text("Role or ClusterRole.")),
            ("name", text("Name of the role.")),
        ],
    );
    (
        "Gives a role to users, groups and service accounts.",
        vec![("subjects", subjects), ("roleRef", role)],
    )
}

/// The rules that say which requests are meant.
fn match_resources(description: &str) -> Value {
    let rules = |description: &str| {
        list(
            description,
            vec![
                ("apiGroups", texts("The API groups; \"*\" is all.")),
                ("apiVersions", texts("The API versions; \"*\" is all.")),
                (
                    "operations",
                    texts("CREATE, UPDATE, DELETE, CONNECT or \"*\"."),
                ),
                (
                    "resources",
                    texts("The resources, for example pods, pods/status, */*."),
                ),
                ("resourceNames", texts("The only names that are meant.")),
                ("scope", text("Cluster, Namespaced or \"*\".")),
            ],
        )
    };
    atomic_object(
        description,
        vec![
            ("resourceRules", rules("The requests that are meant.")),
            (
                "excludeResourceRules",
                rules("The requests that are not meant."),
            ),
            (
                "namespaceSelector",
                label_selector("Labels of the namespace."),
            ),
            ("objectSelector", label_selector("Labels of the object.")),
            ("matchPolicy", text("Exact or Equivalent.")),
        ],
    )
}

pub(super) fn policy() -> Sketch {
    let named = |description: &str| -> Vec<Field> {
        vec![
            ("name", text("Its name.")),
            ("expression", text(description)),
        ]
    };
    let validations = list(
        "What must hold; the request is denied where one does not.",
        vec![
            (
                "expression",
                text("A CEL expression that is true for what is allowed."),
            ),
            ("message", text("Why the request is denied.")),
            (
                "messageExpression",
                text("A CEL expression that gives the message."),
            ),
            (
                "reason",
                text("A status reason: Unauthorized, Forbidden, Invalid or RequestEntityTooLarge."),
            ),
        ],
    );
    let spec = object(
        "The desired behavior of the policy.",
        vec![
            (
                "failurePolicy",
                text("Fail or Ignore: what happens where an expression can not be evaluated."),
            ),
            (
                "paramKind",
                atomic_object(
                    "The kind of the parameters.",
                    vec![
                        ("apiVersion", text("API version of the kind.")),
                        ("kind", text("The kind.")),
                    ],
                ),
            ),
            (
                "matchConstraints",
                match_resources("Which requests the policy is about."),
            ),
            (
                "matchConditions",
                list_by(
                    &["name"],
                    "Further conditions on the request.",
                    named("A CEL expression."),
                ),
            ),
            (
                "variables",
                list_by(
                    &["name"],
                    "Expressions that others may use.",
                    named("A CEL expression."),
                ),
            ),
            ("validations", validations),
        ],
    );
    let status = object(
        "The status of the policy.",
        vec![
            (
                "observedGeneration",
                integer("The generation that was observed last."),
            ),
            ("conditions", conditions("The policy's current state.")),
        ],
    );
    (
        "ValidatingAdmissionPolicy describes the definition of an admission validation policy that accepts or rejects an \
         object without changing it.",
        vec![("spec", spec), ("status", status)],
    )
}

pub(super) fn policy_binding() -> Sketch {
    let parameters = atomic_object(
        "Which objects are the parameters.",
        vec![
            ("name", text("Name of the object.")),
            ("namespace", text("Namespace of the object.")),
            ("selector", label_selector("Labels of the objects.")),
            (
                "parameterNotFoundAction",
                text("Allow or Deny: what happens where there is none."),
            ),
        ],
    );
    let spec = object(
        "The desired behavior of the binding.",
        vec![
            ("policyName", text("The policy that is bound.")),
            ("paramRef", parameters),
            (
                "matchResources",
                match_resources("Which requests the binding is about."),
            ),
            ("validationActions", set("Deny, Warn, Audit.")),
        ],
    );
    (
        "ValidatingAdmissionPolicyBinding binds the ValidatingAdmissionPolicy with paramerized resources.",
        vec![("spec", spec)],
    )
}

pub(super) fn definition() -> Sketch {
    let names = |description: &str| {
        object(
            description,
            vec![
                ("plural", text("The plural name, as in URLs.")),
                (
                    "singular",
                    text("The singular name, as on the command line."),
                ),
                ("kind", text("The kind, as in objects.")),
                ("listKind", text("The kind of lists.")),
                ("shortNames", texts("Short names for the command line.")),
                (
                    "categories",
                    texts("Groups such as \"all\" that the resource belongs to."),
                ),
            ],
        )
    };
    let versions = list(
        "The versions of the resource.",
        vec![
            ("name", text("The version's name, for example v1.")),
            ("served", boolean("Is the version served?")),
            ("storage", boolean("Are objects stored in this version?")),
            ("schema", object("The schema of the version.", Vec::new())),
            (
                "subresources",
                object("The subresources of the version.", Vec::new()),
            ),
            (
                "additionalPrinterColumns",
                list("The columns of tables.", Vec::new()),
            ),
            (
                "selectableFields",
                list("Fields that field selectors may name.", Vec::new()),
            ),
        ],
    );
    let spec = object(
        "How the user wants the resources to appear.",
        vec![
            ("group", text("The API group of the resource.")),
            ("names", names("The names of the resource.")),
            ("scope", text("Cluster or Namespaced.")),
            ("versions", versions),
            (
                "conversion",
                object(
                    "How objects are converted between versions.",
                    vec![("strategy", text("None or Webhook."))],
                ),
            ),
            ("preserveUnknownFields", boolean("Must be false.")),
        ],
    );
    let status = object(
        "The actual state of the CustomResourceDefinition.",
        vec![
            (
                "conditions",
                conditions("State of the CustomResourceDefinition."),
            ),
            ("acceptedNames", names("The names that are in use.")),
            (
                "storedVersions",
                texts("All versions in which objects were ever stored."),
            ),
        ],
    );
    (
        "CustomResourceDefinition represents a resource that should be exposed on the API server.  Its name MUST be in \
         the format <.spec.name>.<.spec.group>.",
        vec![("spec", spec), ("status", status)],
    )
}
