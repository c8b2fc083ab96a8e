//! Who may not do what: permission (RBAC) apart from policy (admission), and the smallest role that would do.

use super::{Kind, Reason, classify::Diagnosis};

/// Wording of k8s.io/apiserver: policies, webhooks, quota and pod security all answer 403 like RBAC does.
const ADMISSION: [&str; 5] = [
    "ValidatingAdmissionPolicy ",
    "admission webhook ",
    "denied the request: ",
    "exceeded quota: ",
    "violates PodSecurity ",
];

/// Did an admission policy refuse it, rather than a missing permission? A webhook that could not be called, or a
/// policy that could not be evaluated, is an outage.
pub(super) fn is_admission_denial(message: &str) -> bool {
    ADMISSION.iter().any(|wording| message.contains(wording))
        && !message.contains("failed calling webhook")
}

/// A 403 that is a missing permission, with the commands that an administrator may run.
pub(super) fn forbidden(message: String) -> Diagnosis {
    let hint = Grant::read(&message).map(|grant| grant.hint());
    let mut diagnosis = Diagnosis::new(Kind::Denied, Reason::Forbidden, message);
    diagnosis.hints.extend(hint);
    diagnosis
}

/// What would have to be granted, read from the API server's own sentence:
/// `User "U" cannot V resource "R" in API group "G" at the cluster scope` (or `in the namespace "N"`).
#[derive(Debug, PartialEq, Eq)]
struct Grant {
    user: String,
    verb: String,
    resource: String,
    group: String,
    namespace: Option<String>,
}

impl Grant {
    fn read(message: &str) -> Option<Self> {
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

    fn hint(&self) -> String {
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
        format!(
            "an administrator can permit it: kubectl create {role} {name} --verb={verb} --resource={resource}{scope} \
             && kubectl create {role}binding {name} --{role}={name} {subject}{scope}"
        )
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

    fn hints(message: &str) -> Vec<String> {
        forbidden(message.to_owned()).hints
    }

    #[test]
    fn the_smallest_grant_is_read_from_the_servers_sentence() {
        assert_eq!(
            hints(
                r#"vmruntimes.vm.cluster.gke.io "vmruntime" is forbidden: User "eve" cannot patch resource "vmruntimes" in API group "vm.cluster.gke.io" at the cluster scope"#
            ),
            [
                "an administrator can permit it: kubectl create clusterrole bmctl-patch-vmruntimes --verb=patch --resource=vmruntimes.vm.cluster.gke.io && kubectl create clusterrolebinding bmctl-patch-vmruntimes --clusterrole=bmctl-patch-vmruntimes --user=eve"
            ]
        );
        assert_eq!(
            hints(
                r#"pods is forbidden: User "system:serviceaccount:ci:runner" cannot list resource "pods" in API group "" in the namespace "vm-system""#
            ),
            [
                "an administrator can permit it: kubectl create role bmctl-list-pods --verb=list --resource=pods --namespace=vm-system && kubectl create rolebinding bmctl-list-pods --role=bmctl-list-pods --serviceaccount=ci:runner --namespace=vm-system"
            ]
        );
        assert!(hints("forbidden: no reason given").is_empty());
    }

    #[test]
    fn a_name_from_the_cluster_can_not_escape_the_hint() {
        let hint = hints(
            r#"x is forbidden: User "eve'; rm -rf ~" cannot get resource "pods" in API group "" at the cluster scope"#,
        )
        .remove(0);
        assert!(hint.ends_with(r"--user='eve'\''; rm -rf ~'"), "{hint}");
    }

    #[test]
    fn a_webhook_that_can_not_be_called_is_an_outage_and_no_refusal() {
        assert!(is_admission_denial(
            r#"admission webhook "w" denied the request: no"#
        ));
        assert!(!is_admission_denial(
            r#"Internal error occurred: failed calling webhook "w": admission webhook "w" timed out"#
        ));
        assert!(!is_admission_denial(
            r#"User "eve" cannot get resource "pods""#
        ));
    }
}
