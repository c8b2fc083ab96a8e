# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_bmctl_global_optspecs
    string join \n kubeconfig= context= c/cluster= as= as-group= as-uid= request-timeout= o/output= color= progress= q/quiet v/verbose no-input y/yes log-dir= h/help
end

function __fish_bmctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_bmctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_bmctl_using_subcommand
    set -l cmd (__fish_bmctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c bmctl -n "__fish_bmctl_needs_command" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_needs_command" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_needs_command" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_needs_command" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_needs_command" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_needs_command" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_needs_command" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_needs_command" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_needs_command" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_needs_command" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_needs_command" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_needs_command" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_needs_command" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_needs_command" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_needs_command" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "enable" -d 'Turn something on: enable vmruntime'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "disable" -d 'Turn something off: disable vmruntime'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "update" -d 'Change the settings of something: update vmruntime'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "wait" -d 'Wait for something: wait vmruntime'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "check" -d 'Check something: check vmruntimepfc, check host'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "status" -d 'Show how something is: status vmruntime'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "get" -d 'Show what there is: get vmruntimepfc'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "skip" -d 'Leave something out: skip node'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "unskip" -d 'Take something in again: unskip node'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "explain" -d 'Explain a node check, a condition, an error or an exit code'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "restore" -d 'Put back what a disable has saved and deleted'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "sandbox" -d 'Run a Kubernetes cluster inside bmctl, to try things out and to test scripts'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "controller" -d 'The controller: what makes VM Runtime work on a cluster that is not Google\'s'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "completion" -d 'Print a script that completes commands and flags in a shell'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "version" -d 'Print the version'
complete -c bmctl -n "__fish_bmctl_needs_command" -f -a "help" -d 'Explain a command, or a topic such as exit-codes'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and not __fish_seen_subcommand_from vmruntime" -f -a "vmruntime" -d 'Turn VM Runtime on, and wait until VMs can be run'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l use-emulation -d 'Run VMs in software, without hardware virtualization. Use it where nodes have none, or where you are not sure. It forces software emulation for every new VM, even on nodes that have KVM; VMs that run stay as they are' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l vm-image-format -d 'Format of VM disk images. raw may perform better than the copy-on-write qcow2, but may use more disk. Ignored by Google Distributed Cloud since 1.28' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l wait -d 'Wait until the state is reached. --wait=false returns as soon as the cluster has accepted the change' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l timeout -d 'Give up waiting after this time, as 10m or 1h30m; 0 looks once. The cluster goes on regardless' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l fail-fast -d 'End early where waiting can not help any more, for example after a failed preflight check' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l ensure -d 'Succeed where VM Runtime is enabled already; settings are applied, and it is waited for, all the same'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand enable; and __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and not __fish_seen_subcommand_from vmruntime" -f -a "vmruntime" -d 'Turn VM Runtime off, and wait until it is off'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l force -d 'Delete all VMs and what belongs to them first. This is itself the confirmation: nothing is asked' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l confirm -d 'Confirm the deletion of all VMs in the cluster of this context, where it would be asked. --yes does not' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l backup -d 'Folder for the backup: new, empty, or a backup of this cluster that is added to. Default: a new one, named after the time, below bmctl-workspace/CLUSTER/backup' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l dry-run -d 'Show what would be done, and change nothing: client only reads; server also asks the API server whether it would accept the changes' -r -f -a "none\t''
client\t''
server\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l wait -d 'Wait until the state is reached. --wait=false returns as soon as the cluster has accepted the change' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l timeout -d 'Give up waiting after this time, as 10m or 1h30m; 0 looks once. The cluster goes on regardless' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l fail-fast -d 'End early where waiting can not help any more, for example after a failed preflight check' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l no-backup -d 'Delete without saving anything before'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l keep-disks -d 'Delete the VMs and keep their disks; CDI, which provides them, then stays installed'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l ensure -d 'Succeed where VM Runtime is off already'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand disable; and __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and not __fish_seen_subcommand_from vmruntime" -f -a "vmruntime" -d 'Change settings of VM Runtime, whether it is enabled or not'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l use-emulation -d 'Run VMs in software, without hardware virtualization. Use it where nodes have none, or where you are not sure. It forces software emulation for every new VM, even on nodes that have KVM; VMs that run stay as they are' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l vm-image-format -d 'Format of VM disk images. raw may perform better than the copy-on-write qcow2, but may use more disk. Ignored by Google Distributed Cloud since 1.28' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l wait -d 'Wait until the state is reached. --wait=false returns as soon as the cluster has accepted the change' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l timeout -d 'Give up waiting after this time, as 10m or 1h30m; 0 looks once. The cluster goes on regardless' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l fail-fast -d 'End early where waiting can not help any more, for example after a failed preflight check' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand update; and __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and not __fish_seen_subcommand_from vmruntime" -f -a "vmruntime" -d 'Wait until VM Runtime is ready or disabled, or until its latest preflight check has finished'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l for -d 'What to wait for' -r -f -a "ready\t'VM Runtime is enabled, and VMs can be run'
disabled\t'VM Runtime is disabled, and its engine is gone'
preflight\t'The latest preflight check has finished'"
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l timeout -d 'Give up waiting after this time, as 10m or 1h30m; 0 looks once. The cluster goes on regardless' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l fail-fast -d 'End early where waiting can not help any more, for example after a failed preflight check' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand wait; and __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -f -a "vmruntimepfc" -d 'Check whether the nodes can run VMs, and show every check of every node'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and not __fish_seen_subcommand_from vmruntimepfc host" -f -a "host" -d 'Check whether this machine can run VMs. No cluster is needed'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l wait -d 'Wait until the state is reached. --wait=false returns as soon as the cluster has accepted the change' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l timeout -d 'Give up waiting after this time, as 10m or 1h30m; 0 looks once. The cluster goes on regardless' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l fail-fast -d 'End early where waiting can not help any more, for example after a failed preflight check' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from vmruntimepfc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l use-emulation -d 'Judge for VMs that are emulated in software: hardware virtualization is not required'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand check; and __fish_seen_subcommand_from host" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and not __fish_seen_subcommand_from vmruntime" -f -a "vmruntime" -d 'Show how VM Runtime is: settings, readiness, latest check, VMs, controller, and what blocks'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand status; and __fish_seen_subcommand_from vmruntime" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and not __fish_seen_subcommand_from vmruntimepfc" -f -a "vmruntimepfc" -d 'Show which preflight checks there were, newest first, or one of them in full'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand get; and __fish_seen_subcommand_from vmruntimepfc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and not __fish_seen_subcommand_from node" -f -a "node" -d 'Leave nodes out: preflight checks skip them, and they run no VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand skip; and __fish_seen_subcommand_from node" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and not __fish_seen_subcommand_from node" -f -a "node" -d 'Take nodes in again: they are checked, and may run VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand unskip; and __fish_seen_subcommand_from node" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l dry-run -d 'Show what would be done, and change nothing: client only reads; server also asks the API server whether it would accept the changes' -r -f -a "none\t''
client\t''
server\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l timeout -d 'Give up after this time, as 10m or 1h30m' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -f -a "start" -d 'Start a cluster and keep it until Ctrl-C'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and not __fish_seen_subcommand_from start run" -f -a "run" -d 'Start a cluster, run one command in it, and take it down again'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l nodes -d 'How many nodes the cluster has. The first is this machine, judged by what it really has; the others exist on paper and are healthy. Default: 1, or 0 where --world declares the nodes' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l node -d 'Add a node that exists on paper, described by words: healthy (nothing is missing), no-kvm (no hardware for VMs), not-ready (its kubelet is silent), cordoned (takes no new pods), slow (10 s for what takes moments elsewhere), no-images (can not pull images), arm64 (another architecture), gpu (has a GPU). Repeatable' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l world -d 'Describe the cluster in a YAML file: nodes, pace. See docs/sandbox.md' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l node-facts -d 'Add a node that is judged over a folder with proc, sys and dev in it. Repeatable' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l state -d 'Keep the cluster in this folder: the next start with it goes on where this one ended, also after a crash' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l address -d 'Address to listen on. Everybody who reaches another one than a loopback address can try to get in' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l port -d 'Port to listen on. Default: one that is free; with --state the one of before' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l pace -d 'How long each transition of the machinery takes: normal (200ms), instant, or a duration such as 2s' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l name -d 'Name of the cluster, its context and its user' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l no-controller -d 'Leave the controller out: VMRuntime is defined, but nothing acts on it. Run your own with \'bmctl controller run\''
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l bare -d 'The API server alone: no definitions, no nodes, no machinery'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l nodes -d 'How many nodes the cluster has. The first is this machine, judged by what it really has; the others exist on paper and are healthy. Default: 1, or 0 where --world declares the nodes' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l node -d 'Add a node that exists on paper, described by words: healthy (nothing is missing), no-kvm (no hardware for VMs), not-ready (its kubelet is silent), cordoned (takes no new pods), slow (10 s for what takes moments elsewhere), no-images (can not pull images), arm64 (another architecture), gpu (has a GPU). Repeatable' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l world -d 'Describe the cluster in a YAML file: nodes, pace. See docs/sandbox.md' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l node-facts -d 'Add a node that is judged over a folder with proc, sys and dev in it. Repeatable' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l state -d 'Keep the cluster in this folder: the next start with it goes on where this one ended, also after a crash' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l address -d 'Address to listen on. Everybody who reaches another one than a loopback address can try to get in' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l port -d 'Port to listen on. Default: one that is free; with --state the one of before' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l pace -d 'How long each transition of the machinery takes: normal (200ms), instant, or a duration such as 2s' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l name -d 'Name of the cluster, its context and its user' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l no-controller -d 'Leave the controller out: VMRuntime is defined, but nothing acts on it. Run your own with \'bmctl controller run\''
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l bare -d 'The API server alone: no definitions, no nodes, no machinery'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand sandbox; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -f -a "run" -d 'Run the controller against a cluster until it is told to stop'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -f -a "manifests" -d 'Print what to apply to install the controller'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -f -a "uninstall" -d 'Remove the controller and everything that was installed with it'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and not __fish_seen_subcommand_from run manifests uninstall probe" -f -a "probe" -d 'Judge the node that this runs on; the controller\'s probe pods call it'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l image -d 'Image of the probe pods: one that carries bmctl as its entry point' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l engine-manifests -d 'Release files of the engine\'s operators, applied when VM Runtime is enabled and removed after it is disabled. Without it the operators have to be installed already' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l kubevirt-namespace -d 'The engine is in this namespace and nowhere else. Default: wherever its operator is found' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l listen -d 'Serve /metrics, /livez and /readyz here, for example 0.0.0.0:8080. Default: nowhere' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l log-format -d 'Form of the log on stderr' -r -f -a "text\t'A line for people'
json\t'A JSON object a line'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l namespace -d 'Namespace of the Lease' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l leader-elect -d '--leader-elect=false: there is no other controller' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l leader-elect-lease-duration -d 'How long a Lease counts that nobody renews, in whole seconds' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l leader-elect-renew-deadline -d 'How long a leader tries to renew its Lease before it gives up' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l leader-elect-retry-period -d 'How often a Lease is asked for, or renewed' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l safe-disable -d 'Let the API server itself refuse a disable while VMs exist'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l deep-probe -d 'Mount the host\'s /dev into the probe pods. They then need a namespace that allows hostPath'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l image -d 'Image of the controller and of its probe pods' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l namespace -d 'Namespace of the controller. Checks and their pods stay in vm-system, where bmctl looks for the controller too' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l kubevirt-namespace -d 'The engine is in this namespace and nowhere else: rights on it end there. Default: wherever its operator is' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l profile -d 'How much the controller may do' -r -f -a "standard\t'It uses the engine\'s operators that somebody else has installed'
engine-manifests\t'It also installs and removes them, from ConfigMaps with their release files. That takes rights to escalate'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l deep-probe -d 'Probe pods mount the host\'s /dev: the system namespace then allows privileged pods'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from manifests" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l timeout -d 'Give up after this time' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l dry-run -d 'Print what would be done, in order, and do nothing'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from uninstall" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l termination-log -d 'Write the report to this file too. In a container the termination log is found by itself' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l emulation -d 'Judge for VMs that are emulated in software: hardware virtualization is not required'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l deep -d 'The host\'s /dev is mounted at /mnt/dev: look at the device nodes too'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l host -d 'Not in a container: look at this machine\'s own /dev'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand controller; and __fish_seen_subcommand_from probe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand completion" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l kubeconfig -d 'Kubeconfig file. Default: the one of --cluster; else KUBECONFIG; else ~/.kube/config; else the only one in bmctl-workspace; else in-cluster' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l context -d 'Context of the kubeconfig. Default: its current context' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -s c -l cluster -d 'Cluster whose kubeconfig is bmctl-workspace/NAME/NAME-kubeconfig' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l as -d 'Act as this user, as far as you may impersonate: NAME, or system:serviceaccount:NAMESPACE:NAME' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l as-group -d 'Act as a member of this group; repeat it for several' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l as-uid -d 'Act with this UID' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l request-timeout -d 'How long one request may take, as 15s or 1m; 0 means no limit' -r
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -s o -l output -d 'Format of the result on stdout; everything else goes to stderr' -r -f -a "text\t'For people'
wide\t'The same with more columns and all rows'
json\t'One JSON document, also for errors'
yaml\t'The same document as YAML'
name\t'The objects that were changed or found, as resource.group/name'
junit\t'For CI systems: a suite for each node and a case for each check; other commands are one case'"
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l color -d 'When to use colour. NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'Live on a terminal, plain lines elsewhere'
plain\t'A line with the time for each change'
none\t'Nothing'"
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l log-dir -d 'Write a log of the command below this folder. Default: bmctl-workspace, where it exists' -r -F
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -s q -l quiet -d 'Print the result, warnings and errors only'
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -s v -l verbose -d 'Say more on stderr; twice: what the program does inside'
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -l no-input -d 'Never ask anything: what needs an answer is refused'
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -s y -l yes -d 'Answer yes to plain questions. It never confirms the deletion of VMs'
complete -c bmctl -n "__fish_bmctl_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
