/*
 * The files that runs find: as in a new container, with or without the host keys of an earlier one on its volume.
 * Whatever any variant writes at its start is taken away here, so that no run is made easier by the one before.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static const char *const KEY_TYPES[] = {"rsa", "ecdsa", "ed25519"};
enum { KEY_COUNT = sizeof KEY_TYPES / sizeof *KEY_TYPES, KEY_BYTES = 8192 };
static struct {
  char name[64];
  char text[KEY_BYTES];
  size_t length;
} keys[KEY_COUNT];

void make_host_keys(void) {
  for (int i = 0; i < KEY_COUNT; i++) {
    char made[64];
    snprintf(made, sizeof made, "/tmp/bench_%s", KEY_TYPES[i]);
    pid_t pid = fork();
    if (pid == 0) {
      execl("/usr/bin/ssh-keygen", "ssh-keygen", "-q", "-t", KEY_TYPES[i], "-N", "", "-f", made, (char *)NULL);
      die("ssh-keygen", true);
    }
    int status = 0;
    if (waitpid(pid, &status, 0) < 0 || status != 0) die("ssh-keygen made no host key", false);
    int fd = open(made, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, keys[i].text, KEY_BYTES);
    if (length <= 0) die(made, true);
    close(fd);
    keys[i].length = (size_t)length;
    snprintf(keys[i].name, sizeof keys[i].name, "/volume/.ssh/ssh_host_%s_key", KEY_TYPES[i]);
  }
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *at) {
  (void)facts, (void)type, (void)at;
  return remove(path);
}

static void remove_tree(const char *path) {
  if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT) die(path, true);
}

static void remove_matching(const char *pattern) {
  glob_t found;
  if (glob(pattern, GLOB_PERIOD, NULL, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; i++) unlink(found.gl_pathv[i]);
  }
  globfree(&found);
}

void reset_files(bool has_keys) {
  remove_tree("/volume/.ssh");
  remove_tree("/run/withssh");
  remove_matching("/etc/ssh/*ssh_host_*");
  remove_matching("/etc/profile.d/*withssh*");
  unlink("/root/.ssh/authorized_keys");
  unlink("/run/sshd.pid");
  if (!has_keys) return;
  if (mkdir("/volume/.ssh", 0700) < 0) die("/volume/.ssh", true);
  for (int i = 0; i < KEY_COUNT; i++) {
    int fd = open(keys[i].name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, keys[i].text, keys[i].length) != (ssize_t)keys[i].length) die(keys[i].name, true);
    close(fd);
  }
}
