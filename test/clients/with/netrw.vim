" By netrw, as vim does for scp://: read, change, write. Called with $MACHINE.
set nocompatible
filetype plugin on
runtime plugin/netrwPlugin.vim
let g:netrw_silent = 1
execute 'edit scp://' . $MACHINE . '/by-netrw.txt'
if getline(1) !=# 'before' | cquit | endif
call setline(2, 'grüß dich')
write
qall!
