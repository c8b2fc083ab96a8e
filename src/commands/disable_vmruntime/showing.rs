//! From the plan of a disable to what its report shows.

use crate::{
    cli::{OutputArgs, OutputFormat},
    cluster::{
        backup::Place,
        event::ObjectName,
        inventory::{Second, Workload},
        removal::{Fate, Plan, Planned, Why},
    },
    failure::shown_path,
    render::disable::{
        DisableReport, GoneObject, How, KeptObject, MachineReport, PlanReport, PlannedObject,
        Reason, StageReport,
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
        match output.output {
            OutputFormat::Text if output.reports.is_empty() => Self::Shown,
            OutputFormat::Text
            | OutputFormat::Wide
            | OutputFormat::Json
            | OutputFormat::Yaml
            | OutputFormat::Name
            | OutputFormat::Junit => Self::All,
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
    report.plan = Some(PlanReport {
        stages: plan
            .stages()
            .into_iter()
            .map(|stage| StageReport {
                resource: stage.kind.qualified(),
                deleted: stage.deleted,
                going_along: stage.going_along,
            })
            .collect(),
        disks_lost: plan.disks_lost(),
        delete: plan.doomed().take(most).map(planned).collect(),
        keep_count: plan.kept().count() + plan.claims.len(),
        keep: kept.chain(claims).take(most).collect(),
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

fn kept((workload, why): (&Workload, Why)) -> KeptObject {
    KeptObject {
        resource: workload.kind.qualified(),
        namespace: workload.namespace.to_string(),
        name: workload.name.to_string(),
        why: match why {
            Why::Asked => Reason::KeepDisks,
            Why::NotTheVms => Reason::MadeForItself,
            Why::Unused => Reason::Unused,
            Why::Earlier => Reason::OfAnEarlierRun,
        },
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
    use crate::cli::Cli;

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
