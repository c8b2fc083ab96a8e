complete --keep-order --exclusive --command bmctl --arguments "(BMCTL_COMPLETE=fish bmctl -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
