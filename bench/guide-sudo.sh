#!/bin/bash
# The guide's steps for an image that does not run as root: each that needs root by sudo, and at last its sudoers line goes.
# As in guide.sh no fork that they do not need. test/unit/bench-guide.test.ts holds this file to them.
sudo mkdir -p /volume/.ssh
if ! compgen -G "/volume/.ssh/*_key" >/dev/null; then
  sudo ssh-keygen -A
  sudo cp /etc/ssh/*_key /volume/.ssh/
else
  sudo cp /volume/.ssh/*_key /etc/ssh/
fi
sudo tee /home/app/.ssh/authorized_keys >/dev/null <<<"$AUTHORIZED_KEYS"
sudo /usr/sbin/sshd
sudo sed -i "/^%app ALL=(ALL) NOPASSWD: ALL$/d" /etc/sudoers
exec "$@"
