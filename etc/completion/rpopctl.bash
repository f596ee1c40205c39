# SPDX-License-Identifier: ISC
# bash completion for rpopctl(8)

_rpopctl() {
	local line words cur choice

	# bash splits COMP_WORDS at @ and =, which stand in names and columns.
	line=${COMP_LINE:0:COMP_POINT}
	read -ra words <<<"$line"
	[[ $line == *' ' ]] && words+=('')
	cur=${words[-1]}
	COMPREPLY=()
	while IFS= read -r choice; do
		if [[ $choice == / ]]; then
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
		else
			COMPREPLY+=("$choice")
		fi
	done < <(sh /usr/share/rpopd/rpopctl-complete "${words[@]:1}")
	[[ ${COMPREPLY[0]-} == *[=/] ]] && compopt -o nospace 2>/dev/null
	[[ $cur == *@* ]] && COMPREPLY=("${COMPREPLY[@]#"${cur%@*}@"}")
}

complete -F _rpopctl rpopctl
