#!/bin/bash
# The guide's steps in the guide's order and no more, without a fork that they do not need: the glob is tried by the
# shell itself. test/unit/bench-guide.test.ts holds this file to them.
mkdir -p /volume/.ssh
if ! compgen -G "/volume/.ssh/*_key" >/dev/null; then
  ssh-keygen -A
  cp /etc/ssh/*_key /volume/.ssh/
else
  cp /volume/.ssh/*_key /etc/ssh/
fi
echo "$AUTHORIZED_KEYS" >/root/.ssh/authorized_keys
/usr/sbin/sshd
exec "$@"
