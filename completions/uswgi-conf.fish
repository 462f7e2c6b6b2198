# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_uswgi_conf_global_optspecs
    string join \n h/help V/version
end

function __fish_uswgi_conf_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_uswgi_conf_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_uswgi_conf_using_subcommand
    set -l cmd (__fish_uswgi_conf_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c uswgi-conf -n "__fish_uswgi_conf_needs_command" -s h -l help -d 'Print help'
complete -c uswgi-conf -n "__fish_uswgi_conf_needs_command" -s V -l version -d 'Print version'
complete -c uswgi-conf -n "__fish_uswgi_conf_needs_command" -f -a "lint" -d 'Say what is wrong with configuration files'
complete -c uswgi-conf -n "__fish_uswgi_conf_needs_command" -f -a "show" -d 'Print the effective configuration, with the origin of every value'
complete -c uswgi-conf -n "__fish_uswgi_conf_needs_command" -f -a "convert" -d 'Write a configuration file in another form'
complete -c uswgi-conf -n "__fish_uswgi_conf_needs_command" -f -a "explain" -d 'Explain an option, the code of a finding, or `differences`; without a name, list the codes'
complete -c uswgi-conf -n "__fish_uswgi_conf_needs_command" -f -a "options" -d 'List every option and what happens to it here'
complete -c uswgi-conf -n "__fish_uswgi_conf_needs_command" -f -a "expand" -d 'Print the entries that a uWSGI command line results in, as JSON'
complete -c uswgi-conf -n "__fish_uswgi_conf_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l format -d 'How to print' -r -f -a "text\t''
json\t''
github\t''"
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l level -d 'Findings from this severity on make the exit code 1' -r -f -a "error\t''
warning\t''
note\t''"
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l deny -d 'Make findings of this code errors' -r
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l allow -d 'Leave findings of this code out' -r
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l json -d 'Print JSON, as --format json'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l check-app -d 'Load the application too, in its interpreter; its failure is an error'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l fix -d 'Repair in place what can be repaired safely'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l no-system -d 'Do not look at paths and users of this machine'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l allow-exec -d 'Run the commands of exec:// in the file'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -l allow-fetch -d 'Fetch http:// in the file, and look up hosts'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand lint" -s h -l help -d 'Print help'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand show" -l json -d 'Print JSON'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand show" -l diff -d 'Print in what two files differ; exit 1 when they do'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand show" -l allow-exec -d 'Run the commands of exec:// in the file'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand show" -l allow-fetch -d 'Fetch http:// in the file, and look up hosts'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand show" -s h -l help -d 'Print help'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand convert" -l to -d 'What to write' -r -f -a "ini\t''
xml\t''
yaml\t''
json\t''
cli\t''
env\t''
systemd\t''
supervisor\t''
nginx\t''"
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand convert" -l allow-exec -d 'Run the commands of exec:// in the file'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand convert" -l allow-fetch -d 'Fetch http:// in the file, and look up hosts'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand convert" -s h -l help -d 'Print help'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand explain" -s h -l help -d 'Print help'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand options" -l json -d 'Print JSON'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand options" -s h -l help -d 'Print help'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand help; and not __fish_seen_subcommand_from lint show convert explain options expand help" -f -a "lint" -d 'Say what is wrong with configuration files'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand help; and not __fish_seen_subcommand_from lint show convert explain options expand help" -f -a "show" -d 'Print the effective configuration, with the origin of every value'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand help; and not __fish_seen_subcommand_from lint show convert explain options expand help" -f -a "convert" -d 'Write a configuration file in another form'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand help; and not __fish_seen_subcommand_from lint show convert explain options expand help" -f -a "explain" -d 'Explain an option, the code of a finding, or `differences`; without a name, list the codes'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand help; and not __fish_seen_subcommand_from lint show convert explain options expand help" -f -a "options" -d 'List every option and what happens to it here'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand help; and not __fish_seen_subcommand_from lint show convert explain options expand help" -f -a "expand" -d 'Print the entries that a uWSGI command line results in, as JSON'
complete -c uswgi-conf -n "__fish_uswgi_conf_using_subcommand help; and not __fish_seen_subcommand_from lint show convert explain options expand help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
