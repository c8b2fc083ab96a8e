//! From the plan of a disable to what its report shows.

use crate::{
    api::comeback::Comeback,
    cli::{OutputArgs, OutputFormat, StdoutFormat},
    cluster::{
        backup::Place,
        event::ObjectName,
        inventory::{Dependent, EngineObject, Second, Workload},
        removal::{Fate, Plan, Planned, PlannedDependent, Secrets, Why},
    },
    failure::shown_path,
    render::{
        self,
        disable::{
            DisableReport, EngineObjectReport, GoneObject, How, KeptObject, MachineReport,
            OwnedObject, PlanReport, PlannedObject, Reason, StageReport,
        },
    },
};

/// How much of a long list is put into a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As much as people are shown. A hundred thousand VMs then cost no memory.
    Shown,
    /// All of it: a document is asked for.
    All,
}

impl Extent {
    /// A document, on stdout or in a file, has everything.
    pub fn wanted(output: &OutputArgs) -> Self {
        let read_by_people = output.output == StdoutFormat::Document(OutputFormat::Text);
        if read_by_people && output.reports.is_empty() {
            Self::Shown
        } else {
            Self::All
        }
    }
}

/// Fills in what is there and what would be done.
pub fn plan(report: &mut DisableReport, plan: &Plan, place: Option<&Place>, extent: Extent) {
    let most = match extent {
        Extent::Shown => DisableReport::SHOWN,
        Extent::All => usize::MAX,
    };
    report.machine_count = Some(plan.machines);
    report.machines = plan.roots().take(most).map(machine).collect();
    let claims = plan.claims.iter().map(claim);
    let kept = plan.kept().map(kept);
    let dependents = plan.kept_dependents().map(kept_dependent);
    report.plan = Some(PlanReport {
        stages: plan
            .kinds()
            .into_iter()
            .map(|kind| StageReport {
                resource: kind.resource,
                deleted: kind.deleted,
                going_along: kind.going_along,
            })
            .collect(),
        disks_lost: plan.disks_lost(),
        delete: plan.doomed_objects().take(most).map(planned).collect(),
        owned_count: plan.going_dependents().count(),
        owned: plan.going_dependents().take(most).map(owned).collect(),
        secrets_left_out: plan.secrets == Secrets::LeftOut,
        engine_count: plan.engine.len(),
        engine: plan.engine.iter().take(most).map(engine_object).collect(),
        keep_count: plan.kept().count() + plan.claims.len() + plan.kept_dependents().count(),
        keep: kept.chain(claims).chain(dependents).take(most).collect(),
        backup: place.map(|place| match place {
            Place::Exactly(path) => shown_path(path),
            Place::Below(path) => format!("{}/TIME", shown_path(path)),
        }),
    });
}

fn machine(workload: &Workload) -> MachineReport {
    MachineReport {
        resource: workload.kind.qualified(),
        namespace: workload.namespace.to_string(),
        name: workload.name.to_string(),
        state: workload.state.as_deref().map(str::to_owned),
        created: workload.created.map(Second::timestamp),
        deleting: workload.deleting.is_some(),
    }
}

fn planned(planned: &Planned) -> PlannedObject {
    PlannedObject {
        resource: planned.workload.kind.qualified(),
        namespace: planned.workload.namespace.to_string(),
        name: planned.workload.name.to_string(),
        uid: planned.workload.uid.to_string(),
        how: match planned.fate {
            Fate::GoesAlong => How::WithItsOwner,
            Fate::Deleted | Fate::Kept(_) => How::Deleted,
        },
    }
}

fn owned(planned: &PlannedDependent) -> OwnedObject {
    let object = &planned.object;
    OwnedObject {
        resource: object.kind.qualified(),
        namespace: object.namespace.to_string(),
        name: object.name.to_string(),
        uid: object.uid.to_string(),
        contents_lost: object.kind.role.holds_data(),
        made_again: planned.made_again,
    }
}

fn engine_object(object: &EngineObject) -> EngineObjectReport {
    let name = object.subject.name.clone();
    EngineObjectReport {
        resource: name.resource,
        namespace: name.namespace,
        name: name.name,
        comeback: match object.comeback {
            Comeback::Created => render::disable::Comeback::Created,
            Comeback::Settings => render::disable::Comeback::Settings,
            Comeback::Never => render::disable::Comeback::Never,
        },
    }
}

fn kept((workload, why): (&Workload, Why)) -> KeptObject {
    KeptObject {
        resource: workload.kind.qualified(),
        namespace: workload.namespace.to_string(),
        name: workload.name.to_string(),
        why: reason(why),
    }
}

fn kept_dependent((object, why): (&Dependent, Why)) -> KeptObject {
    KeptObject {
        resource: object.kind.qualified(),
        namespace: object.namespace.to_string(),
        name: object.name.to_string(),
        why: reason(why),
    }
}

const fn reason(why: Why) -> Reason {
    match why {
        Why::Asked => Reason::KeepDisks,
        Why::NotTheVms => Reason::MadeForItself,
        Why::Released => Reason::ReleasedClaim,
        Why::Unused => Reason::Unused,
        Why::Earlier => Reason::OfAnEarlierRun,
        Why::OwnedElsewhere => Reason::OwnedElsewhere,
    }
}

fn claim(claim: &ObjectName) -> KeptObject {
    KeptObject {
        resource: claim.resource.clone(),
        namespace: claim.namespace.clone().unwrap_or_default(),
        name: claim.name.clone(),
        why: Reason::OwnClaim,
    }
}

/// An object that is gone.
pub fn gone(object: &ObjectName) -> GoneObject {
    GoneObject {
        resource: object.resource.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::commands::Cli;

    #[test]
    fn documents_have_everything_also_those_beside_the_text() {
        for (typed, expected) in [
            ("bmctl disable vmruntime", Extent::Shown),
            ("bmctl disable vmruntime -o text", Extent::Shown),
            ("bmctl disable vmruntime --report json=r.json", Extent::All),
            ("bmctl disable vmruntime -o wide", Extent::All),
            ("bmctl disable vmruntime -o junit", Extent::All),
        ] {
            let cli = Cli::try_parse_from(typed.split(' ')).unwrap();
            assert_eq!(Extent::wanted(&cli.global.output), expected, "{typed}");
        }
    }
}
