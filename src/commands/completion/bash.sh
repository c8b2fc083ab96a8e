_clap_complete_bmctl() {
    local IFS=$'\013'
    local _CLAP_COMPLETE_COMP_TYPE=${COMP_TYPE}
    if compopt +o nospace 2> /dev/null; then
        local _CLAP_COMPLETE_SPACE=false
    else
        local _CLAP_COMPLETE_SPACE=true
    fi
    # bash splits words at the characters of COMP_WORDBREAKS, such as = : and @. bmctl gets them whole, up to the cursor.
    local words=() rest=${COMP_LINE:0:COMP_POINT} part i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        part=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then
            part=${rest#"${rest%%[![:space:]]*}"}
        fi
        if ((i > 0)) && [[ $rest == [![:space:]]* ]]; then
            words[${#words[@]}-1]+=$part
        else
            words+=("$part")
        fi
        rest=${rest#*"$part"}
    done
    local last=$((${#words[@]} - 1)) before=
    if [[ $part == [\"\']* ]]; then
        # What is in quotes is one word, and bash hands it over without them.
        words[last]=$2
    else
        # What bash does not replace: it stands before the word, and must not stand there twice.
        before=${words[last]%"$2"}
    fi
    COMPREPLY=( $( \
        _CLAP_IFS="$IFS" \
        _CLAP_COMPLETE_INDEX="$last" \
        _CLAP_COMPLETE_COMP_TYPE="$_CLAP_COMPLETE_COMP_TYPE" \
        _CLAP_COMPLETE_SPACE="$_CLAP_COMPLETE_SPACE" \
        BMCTL_COMPLETE="bash" \
        "bmctl" -- "${words[@]}" \
    ) )
    if [[ $? != 0 ]]; then
        unset COMPREPLY
        return
    fi
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
    if [[ $_CLAP_COMPLETE_SPACE == false ]] && [[ "${COMPREPLY-}" =~ [=/:]$ ]]; then
        compopt -o nospace
    fi
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o nospace -o bashdefault -o nosort -F _clap_complete_bmctl bmctl
else
    complete -o nospace -o bashdefault -F _clap_complete_bmctl bmctl
fi
