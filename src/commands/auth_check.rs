//! `bmctl auth check`: what the current user lacks for a command, and the smallest role that gives it.

use super::{
    Context,
    context::InterruptNote,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
};
use crate::{
    api::name::is_nobody,
    cluster::{
        Retry,
        access::{self, Permission},
    },
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason, nearest, shown},
    render::{
        auth::{AuthReport, CommandAccess, Permitted, RightReport},
        clean,
    },
    runtime::access::{Right, Row, cluster_role, cluster_role_binding, needed},
};

/// Say what the current user lacks for a command, and which role gives it.
///
/// The API server itself is asked, and nothing is changed. The exit code is 0 where nothing lacks, 9 where something
/// does, and 5 where the API server could not decide. --role prints the smallest ClusterRole, and a ClusterRoleBinding
/// for the current user, for an administrator to apply; with -o json and yaml they stand in the document as manifests.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct AuthCheckArgs {
    /// The command, for example: enable vmruntime. Without it every command is looked at.
    #[arg(value_name = "COMMAND")]
    pub words: Vec<String>,
    /// With disable vmruntime: what it needs to keep disks.
    #[arg(long, requires = "words")]
    pub keep_disks: bool,
    /// Print the role instead, and ask for nothing but the user's name.
    #[arg(long)]
    pub role: bool,
}

const EXAMPLES: &str = "\
Examples:
  bmctl auth check
  bmctl auth check disable vmruntime
  bmctl auth check disable vmruntime --keep-disks
  bmctl auth check enable vmruntime --role > role.yaml";

pub async fn run(context: &Context, args: &AuthCheckArgs) -> Exit {
    let report = AuthReport {
        role_only: args.role,
        ..AuthReport::default()
    };
    let mut session = Session::new(context, report);
    let ended = context
        .unless_interrupted(check(&mut session, args), InterruptNote::nothing)
        .await;
    session.end(ended)
}

async fn check(
    session: &mut Session<'_, AuthReport>,
    args: &AuthCheckArgs,
) -> Result<Exit, Failure> {
    let rows = chosen(&args.words, args.keep_disks)?;
    let cluster = session.connect(Intent::Read).await?;
    let reporter = ProgressReporter::new(session.context, "Asking what is permitted");
    let retry = Retry::new(session.deadline(), &reporter);
    reporter.step("Asking what is permitted");
    let user = access::user(&cluster.client, &retry).await;
    let mut reports = Vec::new();
    for row in &rows {
        let rights = needed(*row);
        let answers = if args.role {
            rights.into_iter().map(|right| (right, None)).collect()
        } else {
            let asked = access::review(&cluster.client, &retry, &rights).await?;
            asked
                .into_iter()
                .map(|(right, permission)| (right, Some(permission)))
                .collect::<Vec<_>>()
        };
        reports.push(CommandAccess {
            command: row.words().to_owned(),
            rights: answers
                .into_iter()
                .map(|(right, permission)| of_right(&right, permission))
                .collect(),
        });
    }
    drop(reporter);
    session.report.manifests = manifests(&rows, user.as_deref());
    session.report.user = user;
    session.report.commands = reports;
    if args.role {
        match session.report.user.as_deref() {
            None => session.context.warn(
                "the API server does not say who we are: the role is printed without a binding",
            ),
            Some(user) if is_nobody(user) => session.context.warn(
                "the API server saw no credential: the role is printed without a binding, which would be for everybody",
            ),
            Some(_) => {}
        }
        return Ok(Exit::Ok);
    }
    conclude(session)
}

/// The commands that these words name: one, all of a verb that has only one, or all where there are none.
fn chosen(words: &[String], keep_disks: bool) -> Result<Vec<Row>, Failure> {
    let flag = if keep_disks { " --keep-disks" } else { "" };
    let typed = words.join(" ") + flag;
    let is_named = |row: &Row| {
        let verb = row.command().words().split(' ').next();
        let is_verb = typed.strip_suffix(flag) == verb && (*row == Row::KeepingDisks) == keep_disks;
        typed.is_empty() || typed == row.words() || is_verb
    };
    let named: Vec<Row> = Row::ALL.into_iter().filter(is_named).collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let known = Row::ALL.map(|row| row.words().to_owned());
    let failure = Failure::new(
        Kind::Usage,
        Reason::UnknownTopic,
        format!(
            "{} is no command that needs rights in a cluster",
            clean(&shown(&typed))
        ),
    );
    Err(match nearest(&typed, &known) {
        Some(near) => failure.hint(Hint::run("did you mean", CommandId::AuthCheck.with(near))),
        None => failure.hint(format!("it takes one of: {}", known.join(", "))),
    })
}

fn of_right(right: &Right, permission: Option<Permission>) -> RightReport {
    let (permitted, why) = match permission {
        None => (Permitted::NotAsked, None),
        Some(Permission::Given) => (Permitted::Yes, None),
        Some(Permission::Lacking) => (Permitted::No, None),
        Some(Permission::Unknown(why)) => (Permitted::Unknown, Some(why)),
    };
    RightReport {
        verb: right.verb.to_owned(),
        resource: right.qualified(),
        name: right.name.map(str::to_owned),
        namespace: right.namespace.map(str::to_owned),
        permitted,
        why,
    }
}

fn manifests(rows: &[Row], user: Option<&str>) -> Vec<serde_json::Value> {
    let name = match rows {
        [one] => one.role_name(),
        _ => "bmctl".to_owned(),
    };
    let rights: Vec<Right> = rows.iter().flat_map(|row| needed(*row)).collect();
    let mut manifests = vec![cluster_role(&name, &rights)];
    let somebody = user.filter(|user| !is_nobody(user));
    manifests.extend(somebody.map(|user| cluster_role_binding(&name, user)));
    manifests
}

fn conclude(session: &Session<'_, AuthReport>) -> Result<Exit, Failure> {
    let count = |permitted| -> usize {
        let commands = session.report.commands.iter();
        commands.map(|command| command.count(permitted)).sum()
    };
    let command = match session.report.commands.as_slice() {
        [one] => one.command.clone(),
        _ => String::new(),
    };
    let role = format!("--role {command}");
    match (count(Permitted::No), count(Permitted::Unknown)) {
        (0, 0) => Ok(Exit::Ok),
        (0, unknown) => Err(Failure::new(
            Kind::Incomplete,
            Reason::NotVerified,
            format!("whether {unknown} rights are given could not be determined"),
        )),
        (lacking, _) => Err(Failure::new(
            Kind::Denied,
            Reason::Forbidden,
            format!("the current user lacks {lacking} of the rights that are needed"),
        )
        .hint(Hint::run(
            "the smallest role that gives them, for an administrator to apply",
            CommandId::AuthCheck.with(role.trim_end()),
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_their_words() {
        let found = |words: &[&str], keep_disks| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            chosen(&words, keep_disks).map_err(|failure| failure.hints[0].to_string())
        };
        assert_eq!(
            found(&["enable", "vmruntime"], false),
            Ok(vec![Row::Command(CommandId::EnableVmruntime)])
        );
        assert_eq!(
            found(&["disable"], false),
            Ok(vec![Row::Command(CommandId::DisableVmruntime)])
        );
        assert_eq!(found(&["disable"], true), Ok(vec![Row::KeepingDisks]));
        assert_eq!(
            found(&["restore"], false),
            Ok(vec![Row::Command(CommandId::Restore)])
        );
        assert!(found(&["enable"], true).is_err());
        assert_eq!(found(&[], false).map(|all| all.len()), Ok(Row::ALL.len()));
        assert_eq!(
            found(&["enabel", "vmruntime"], false),
            Err("did you mean: bmctl auth check enable vmruntime".to_owned())
        );
        assert!(found(&["explain"], false).is_err());
    }
}
