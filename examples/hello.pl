#!/usr/bin/perl
# The example app: answers each HTTP request on port 8080 with one line. Debian's perl-base has all that it needs.
use strict;
use warnings;
use IO::Socket::INET;

$SIG{TERM} = sub { exit 0 };
$| = 1;
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 16, ReuseAddr => 1) or die "port 8080: $!\n";
print "app: pid $$, listening on 8080\n";
while (1) {
    my $client = $server->accept or next;
    while (<$client>) { last if /^\r?$/ }
    print $client "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello from pid $$\n";
    close $client;
}
