# By SSHKit, as Kamal and Capistrano use it: execute, capture, upload! and download!, on one connection. ARGV: HOST PORT USER.
# Its own reader of known_hosts wants the address beside the name, on one line: $KNOWN_HOSTS is a file with such lines.
require "sshkit"
require "sshkit/dsl"
require "stringio"
include SSHKit::DSL

host, port, user = ARGV
SSHKit.config.use_format :blackhole
SSHKit::Backend::Netssh.configure do |ssh|
  ssh.pty = false
  ssh.ssh_options = { config: false, keys: [File.expand_path("~/.ssh/id_ed25519")], keys_only: true, verify_host_key: :always,
                      user_known_hosts_file: ENV.fetch("KNOWN_HOSTS"), global_known_hosts_file: [],
                      auth_methods: ["publickey"], use_agent: false, non_interactive: true }
end

noise = Random.bytes(500_000)
on SSHKit::Host.new(hostname: host, port: Integer(port), user: user) do
  execute :mkdir, "-p", "releases/1"
  upload! StringIO.new(noise), "releases/1/noise"
  upload! StringIO.new("exit 4\n"), "releases/1/run"
  File.binwrite("noise", download!("releases/1/noise"))
  raise "the noise came back changed" unless File.binread("noise") == noise
  within("releases/1") { puts capture(:ls) }
  with(rails_env: "production") { puts capture(:printenv, "RAILS_ENV") }
  begin
    execute :sh, "releases/1/run"
  rescue SSHKit::Command::Failed => e
    puts e.message[/exit status: \d+/]
  end
end
