# SPDX-License-Identifier: ISC
# bash completion for rpopctl(8); names come from the running daemon.

# "account record", one pair a line
_rpopctl_records() {
	rpopctl "$@" -j 2>/dev/null | grep -o '"account":"[^"\]*","name":"[^"\]*"' | sed 's/^"account":"//; s/","name":"/ /; s/"$//'
}

_rpopctl() {
	local line words cur choice='' i
	local -a socket=() args=()

	# bash splits COMP_WORDS at @, which stands in every name
	line=${COMP_LINE:0:COMP_POINT}
	read -ra words <<<"$line"
	[[ $line == *' ' ]] && words+=('')
	cur=${words[-1]}
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		case ${words[i]} in
		-s)	((i++)); socket=(-s "${words[i]}") ;;
		-*)	;;
		*)	args+=("${words[i]}") ;;
		esac
	done
	COMPREPLY=()
	if [[ ${words[-2]} == -s ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	case "${args[*]}" in
	'')	choice='-j -s -V explain forget log poll quarantine queue reload renumbered route show status stop try' ;;
	log)	choice='crashes failures major problems low all' ;;
	show)	choice='account' ;;
	queue)	choice='list move retry' ;;
	quarantine)	choice='list show release drop' ;;
	poll)	choice="all $(_rpopctl_records "${socket[@]}" | sed 's/ .*//')" ;;
	renumbered)	choice='retrieve seen' ;;
	try | 'renumbered retrieve' | 'renumbered seen' | 'explain' | forget)
		choice=$(_rpopctl_records "${socket[@]}" | sed 's/ /\//') ;;
	'show account' | route)
		choice=$(_rpopctl_records "${socket[@]}" | sed 's/ .*//') ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$choice" -- "$cur" | sort -u)
	[[ $cur == *@* ]] && COMPREPLY=("${COMPREPLY[@]#"${cur%@*}@"}")
}

complete -F _rpopctl rpopctl
