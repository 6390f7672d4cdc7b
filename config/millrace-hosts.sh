#!/bin/sh
# Starts or stops Millrace on several hosts, one after the other, by systemd over ssh.
#
#   config/millrace-hosts.sh start|stop|restart|status UNIT HOSTS
#
# UNIT is broker or worker. HOSTS is a file of host names, one a line; lines that begin with # are left out.
# Hosts are stopped in the opposite order. The exit code is the number of hosts where it failed.
# MILLRACE_SSH names another command than ssh (a wrapper with keys or a jump host).
set -u

usage() {
    sed -n '2,8p' "$0" | sed 's/^# \{0,1\}//' >&2
    exit 2
}

[ $# -eq 3 ] || usage
action=$1 unit=$2 file=$3
case $action in start | stop | restart | status) ;; *) usage ;; esac
case $unit in broker | worker) ;; *) usage ;; esac
[ -r "$file" ] || { echo "$file: cannot be read" >&2; exit 2; }

hosts=$(sed -e 's/[[:space:]]*$//' -e '/^#/d' -e '/^$/d' "$file")
[ -n "$hosts" ] || { echo "$file: names no hosts" >&2; exit 2; }
if [ "$action" = stop ]; then
    hosts=$(printf '%s\n' "$hosts" | sed '1!G;h;$!d')
fi
if [ "$action" = status ]; then
    command="systemctl is-active millrace-$unit"
else
    command="sudo systemctl $action millrace-$unit"
fi

failed=0
for host in $hosts; do
    # The loop's input is not ssh's.
    if said=$(${MILLRACE_SSH:-ssh} "$host" "$command" </dev/null 2>&1); then
        echo "$host: ${said:-$action done}"
    else
        echo "$host: $action failed: $said" >&2
        failed=$((failed + 1))
    fi
done
exit $failed
