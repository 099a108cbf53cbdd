#!/bin/sh
# Signs a public key with ssh-keygen and prints the certificate: what `vault write ssh/sign/...` and
# `step ssh certificate` do. It runs where the authority's private key is, and nowhere else.
#   sign.sh user CA_KEY PUBLIC_KEY NAME LOGIN[,LOGIN...] VALIDITY     sign.sh user ca_user ina.pub ina root 8h
#   sign.sh host CA_KEY PUBLIC_KEY NAME HOST[,HOST...] VALIDITY       sign.sh host ca_host host_key.pub fleet a.example 52w
set -eu
[ $# = 6 ] || { sed -n 's/^#   //p' "$0" >&2; exit 2; }
kind=$1 ca=$2 public=$3 name=$4 principals=$5 validity=$6
case $kind in
  user) flag= ;;
  host) flag=-h ;;
  *) echo "sign.sh: $kind is neither user nor host" >&2; exit 2 ;;
esac
# A certificate is written beside the key it is for.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp "$public" "$dir/key.pub"
# A minute back: clocks differ. The serial is what a revocation list may name.
ssh-keygen -q -s "$ca" $flag -I "$name" -n "$principals" -V "-1m:+$validity" -z "$(date +%s)" "$dir/key.pub"
cat "$dir/key-cert.pub"
