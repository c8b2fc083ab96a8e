//! Who may not do what: permission (RBAC) apart from policy (admission), and what would have to be granted.

use super::{Hint, kubectl};
use crate::api::name::is_nobody;

/// Wording of k8s.io/apiserver: policies, webhooks, quota and pod security all answer 403 like RBAC does.
const ADMISSION: [&str; 5] = [
    "ValidatingAdmissionPolicy ",
    "admission webhook ",
    "denied the request: ",
    "exceeded quota: ",
    "violates PodSecurity ",
];

/// How the API server begins when an authorizer said no (`responsewriters.ForbiddenMessage`): admission plugins say
/// something else after the same word.
const AUTHORIZER: &str = "orbidden: User \"";

/// The guard against granting more than one has: it lacks rights, too.
const ESCALATION: &str = "is attempting to grant RBAC permissions not currently held";

/// Who refused it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refuser {
    /// RBAC, or another authorizer: the user lacks a right.
    Authorizer,
    /// A policy, a webhook, a quota or another admission plugin: no right would help.
    Admission,
    /// Something else, for example a load balancer.
    Unknown,
}

/// By the server's words. What comes first counts: both a user's name and a policy's message may quote the other. A
/// webhook that could not be called is an outage, and neither.
pub(super) fn refuser(message: &str) -> Refuser {
    if message.contains("failed calling webhook") {
        return Refuser::Unknown;
    }
    let authorizer = message.find(AUTHORIZER).or(message.find(ESCALATION));
    let admission = ADMISSION
        .iter()
        .filter_map(|words| message.find(words))
        .min();
    match (authorizer, admission) {
        (Some(authorizer), Some(admission)) if admission < authorizer => Refuser::Admission,
        (Some(_), _) => Refuser::Authorizer,
        (None, Some(_)) => Refuser::Admission,
        (None, None) => Refuser::Unknown,
    }
}

/// A 403 of the API server about an object that no authorizer gave, such as LimitRanger's or a namespace's that is going
/// away: `pods "x" is forbidden: maximum cpu usage …`.
pub(super) fn is_about_the_object(message: &str) -> bool {
    message.contains("\" is forbidden: ")
}

/// A ResourceQuota refused it. The API server's own sentence comes first, so a policy's message that quotes it is none.
pub(super) fn is_exceeded_quota(message: &str) -> bool {
    let refusal = message.split_once(" is forbidden: ");
    refusal.is_some_and(|(_, why)| why.starts_with("exceeded quota: "))
}

/// What an authorizer of the API server has denied, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub user: String,
    verb: String,
    resource: String,
    group: String,
    namespace: Option<String>,
}

impl Denial {
    /// Read from the API server's own sentence:
    /// `User "U" cannot V resource "R" in API group "G" at the cluster scope` (or `in the namespace "N"`).
    pub(super) fn read(message: &str) -> Option<Self> {
        let (_, rest) = message.split_once("User \"")?;
        let (user, rest) = rest.split_once("\" cannot ")?;
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once("\" in API group \"")?;
        let (group, rest) = rest.split_once('"')?;
        let namespace = rest
            .split_once(" in the namespace \"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(namespace, _)| namespace.to_owned());
        Some(Self {
            user: user.to_owned(),
            verb: verb.to_owned(),
            resource: resource.to_owned(),
            group: group.to_owned(),
            namespace,
        })
    }

    /// Was it denied to a user that is nobody in particular? Nothing is granted to that one.
    #[must_use]
    pub fn is_of_nobody(&self) -> bool {
        is_nobody(&self.user)
    }

    /// Is it about this?
    #[must_use]
    pub fn is_for(&self, verb: &str, group: &str, resource: &str) -> bool {
        self.verb == verb && self.group == group && self.resource == resource
    }

    /// The commands that an administrator may run to permit this one request.
    #[must_use]
    pub fn hint(&self) -> Hint {
        let (role, scope) = match &self.namespace {
            Some(namespace) => ("role", format!(" --namespace={}", shell_word(namespace))),
            None => ("clusterrole", String::new()),
        };
        let name = shell_word(&format!(
            "bmctl-{}-{}",
            self.verb,
            self.resource.replace('/', "-")
        ));
        let verb = shell_word(&self.verb);
        let resource = shell_word(&self.qualified_resource());
        let subject = self.subject();
        let permitting = kubectl(format!(
            "create {role} {name} --verb={verb} --resource={resource}{scope}"
        ))
        .then(format!(
            "create {role}binding {name} --{role}={name} {subject}{scope}"
        ))
        .by_administrator();
        Hint::run("an administrator can permit it", permitting)
    }

    /// As kubectl takes it: `resource.group/subresource`.
    fn qualified_resource(&self) -> String {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, format!("/{subresource}")),
            None => (self.resource.as_str(), String::new()),
        };
        if self.group.is_empty() {
            format!("{resource}{subresource}")
        } else {
            format!("{resource}.{}{subresource}", self.group)
        }
    }

    fn subject(&self) -> String {
        let account = self
            .user
            .strip_prefix("system:serviceaccount:")
            .filter(|account| account.split(':').count() == 2);
        match account {
            Some(account) => format!("--serviceaccount={}", shell_word(account)),
            None => format!("--user={}", shell_word(&self.user)),
        }
    }
}

/// A word that a POSIX shell reads back as it is: quoted where it is not plain.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(message: &str) -> Option<String> {
        Denial::read(message).map(|denial| denial.hint().to_string())
    }

    #[test]
    fn the_smallest_grant_is_read_from_the_servers_sentence() {
        assert_eq!(
            hint(
                r#"vmruntimes.vm.cluster.gke.io "vmruntime" is forbidden: User "eve" cannot patch resource "vmruntimes" in API group "vm.cluster.gke.io" at the cluster scope"#
            )
            .as_deref(),
            Some(
                "an administrator can permit it: kubectl create clusterrole bmctl-patch-vmruntimes --verb=patch --resource=vmruntimes.vm.cluster.gke.io && kubectl create clusterrolebinding bmctl-patch-vmruntimes --clusterrole=bmctl-patch-vmruntimes --user=eve"
            )
        );
        assert_eq!(
            hint(
                r#"pods is forbidden: User "system:serviceaccount:ci:runner" cannot list resource "pods" in API group "" in the namespace "vm-system""#
            )
            .as_deref(),
            Some(
                "an administrator can permit it: kubectl create role bmctl-list-pods --verb=list --resource=pods --namespace=vm-system && kubectl create rolebinding bmctl-list-pods --role=bmctl-list-pods --serviceaccount=ci:runner --namespace=vm-system"
            )
        );
        assert_eq!(hint("forbidden: no reason given"), None);
    }

    #[test]
    fn a_name_from_the_cluster_can_not_escape_the_hint() {
        let hint = hint(
            r#"x is forbidden: User "eve'; rm -rf ~" cannot get resource "pods" in API group "" at the cluster scope"#,
        )
        .unwrap();
        assert!(hint.ends_with(r"--user='eve'\''; rm -rf ~'"), "{hint}");
    }

    #[test]
    fn permission_is_told_from_policy() {
        use Refuser::{Admission, Authorizer, Unknown};
        for (message, expected) in [
            (
                r#"pods is forbidden: User "eve" cannot list resource "pods" in API group "" in the namespace "a""#,
                Authorizer,
            ),
            (
                r#"forbidden: User "system:anonymous" cannot get path "/version""#,
                Authorizer,
            ),
            (
                r#"users "root" is forbidden: User "eve" cannot impersonate resource "users" in API group "" at the cluster scope"#,
                Authorizer,
            ),
            (
                r#"pods is forbidden: User "eve" cannot list resource "pods" in API group "": RBAC: clusterrole.rbac.authorization.k8s.io "x" not found"#,
                Authorizer,
            ),
            (
                r#"virtualmachines.kubevirt.io "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"#,
                Admission,
            ),
            (
                r#"admission webhook "w.example.com" denied the request: no"#,
                Admission,
            ),
            (
                r#"pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"#,
                Admission,
            ),
            (
                r#"pods "a" is forbidden: violates PodSecurity "restricted:latest": privileged"#,
                Admission,
            ),
            // One quotes the other.
            (
                r#"x "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: forbidden: User "eve" cannot get resource "pods""#,
                Admission,
            ),
            (
                r#"pods is forbidden: User "exceeded quota: " cannot list resource "pods" in API group """#,
                Authorizer,
            ),
            (
                r#"Internal error occurred: failed calling webhook "w": admission webhook "w" timed out"#,
                Unknown,
            ),
            (
                r#"roles.rbac.authorization.k8s.io "r" is forbidden: user "eve" (groups=["g"]) is attempting to grant RBAC permissions not currently held:"#,
                Authorizer,
            ),
            ("<html>no</html>", Unknown),
        ] {
            assert_eq!(refuser(message), expected, "{message}");
        }
        assert!(is_about_the_object(
            r#"pods "a" is forbidden: maximum cpu usage per Container is 1"#
        ));
        assert!(!is_about_the_object("Forbidden"));
    }
}
