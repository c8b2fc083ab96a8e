set edit:completion:arg-completer[bmctl] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) BMCTL_COMPLETE="elvish" bmctl -- $@words) | to-lines
}
