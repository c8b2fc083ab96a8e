//! The namespaces that a backup's objects go to: they are looked at before anything is created, in a dry run as well.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

use super::{MissingNamespaces, Restoration, leaving};
use crate::{
    api::name::FIELD_MANAGER,
    cluster::{event::ObjectName, mode::Mode, retry::Repeat},
    failure::{self, Failure, Hint, Kind, Reason, kubectl},
};

impl Restoration<'_> {
    /// Those that are missing, once those are created that are to be. Whoever may not look at a namespace hears of it when
    /// something is created in it.
    pub(super) async fn namespaces(&mut self) -> Result<MissingNamespaces, Failure> {
        let entries = self.backup.entries.iter();
        let names: BTreeSet<&str> = entries
            .map(|entry| &*entry.namespace)
            .filter(|namespace| !namespace.is_empty())
            .collect();
        let api: Api<Namespace> = Api::all(self.client.clone());
        let mut missing = MissingNamespaces::new();
        for name in names {
            let doing = format!("look for namespace {name}");
            let found = self
                .retry
                .request(&doing, Repeat::Safe, || api.get_metadata_opt(name))
                .await;
            match found {
                Ok(Some(found)) if found.metadata.deletion_timestamp.is_some() => {
                    missing.insert(name.to_owned(), leaving(&format!("namespace {name}")));
                    continue;
                }
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(kube::Error::Api(status)) if status.code == 403 => {
                    let warning = format!("could not {doing}: {}", status.message);
                    self.retry.observer().warn(&warning);
                    continue;
                }
                Err(error) => return Err(failure::from_kube(&error, &doing)),
            }
            if !self.wish.create_namespaces {
                missing.insert(name.to_owned(), absent(name));
                continue;
            }
            match self.create_namespace(&api, name).await {
                // What is only rehearsed cannot be created in a namespace that is only rehearsed.
                Ok(()) if self.wish.mode == Mode::Rehearse => {
                    missing.insert(name.to_owned(), unrehearsed(name));
                }
                Ok(()) => {}
                Err(failure) => {
                    missing.insert(name.to_owned(), failure);
                }
            }
        }
        Ok(missing)
    }

    async fn create_namespace(&mut self, api: &Api<Namespace>, name: &str) -> Result<(), Failure> {
        let doing = format!("create namespace {name}");
        let object = Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        if self.wish.mode != Mode::Preview {
            let parameters = PostParams {
                dry_run: self.wish.mode == Mode::Rehearse,
                field_manager: Some(FIELD_MANAGER.to_owned()),
            };
            let created = self
                .retry
                .request(&doing, Repeat::Safe, || api.create(&parameters, &object))
                .await;
            match created {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                Err(error) => return Err(failure::from_kube(&error, &doing)),
            }
        }
        self.restored.created.push(ObjectName {
            resource: "namespaces".to_owned(),
            namespace: None,
            name: name.to_owned(),
        });
        Ok(())
    }
}

fn absent(name: &str) -> Failure {
    Failure::new(
        Kind::Refused,
        Reason::NamespaceMissing,
        format!("namespace {name} does not exist"),
    )
    .hint(Hint::run(
        "create it with the labels and the quota that it had",
        kubectl(format!("create namespace {name}")),
    ))
    .hint("or restore with --create-namespaces, which creates it without any")
}

fn unrehearsed(name: &str) -> Failure {
    Failure::new(
        Kind::Incomplete,
        Reason::NamespaceMissing,
        format!(
            "namespace {name} does not exist yet, and the API server takes nothing in it before"
        ),
    )
}
