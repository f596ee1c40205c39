# SPDX-License-Identifier: ISC
# fish completion for rpopctl(8)

function __rpopctl_choices
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	for choice in (sh /usr/share/rpopd/rpopctl-complete $words[2..-1] "$current")
		if test "$choice" = /
			__fish_complete_path "$current"
		else
			echo $choice
		end
	end
end

complete -c rpopctl -f -a '(__rpopctl_choices)'
