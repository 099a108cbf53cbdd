"""By paramiko, which reads neither ~/.ssh/config nor asks an agent here: exec and sftp with each key type. argv: HOST PORT USER."""
import io
import os
import sys

import paramiko

host, port, user = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for key_type in ("ed25519", "rsa"):
    client = paramiko.SSHClient()
    client.load_system_host_keys()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    key = os.path.expanduser(f"~/.ssh/id_{key_type}")
    client.connect(host, port, user, key_filename=key, look_for_keys=False, allow_agent=False)
    stdin, stdout, stderr = client.exec_command("cat; echo $USER; echo loud >&2; exit 3")
    stdin.write("said\n")
    stdin.channel.shutdown_write()
    said = stdout.read().decode().split(), stderr.read().decode().split(), stdout.channel.recv_exit_status()
    assert said == (["said", user], ["loud"], 3), said
    sftp = client.open_sftp()
    noise, name = os.urandom(1_000_000), f"by paramiko, {key_type} ü"
    sftp.putfo(io.BytesIO(noise), name)
    sftp.chmod(name, 0o640)
    assert sftp.stat(name).st_mode & 0o777 == 0o640
    sftp.rename(name, name + "2")
    back = io.BytesIO()
    sftp.getfo(name + "2", back)
    assert back.getvalue() == noise
    sftp.remove(name + "2")
    print(key_type, client.get_transport().remote_version.split("_")[0])
    client.close()
