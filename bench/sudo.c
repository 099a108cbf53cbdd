/*
 * The sudo rules that runs find: none and no sudo at all, the guide's broad line, or the one rule that our Dockerfiles grant.
 * Whatever a run has taken away or claimed is put back here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

static const char SUDO[] = "/usr/bin/sudo", AWAY[] = "/usr/bin/sudo.away";
static const char SUDOERS[] = "/etc/sudoers", OURS[] = "/etc/sudoers.d/withssh";
static const char GUIDES_LINE[] = "%app ALL=(ALL) NOPASSWD: ALL\n";
static const char OUR_LINE[] = "app ALL=(root) NOPASSWD: /usr/local/bin/withssh --supervise\n";

static void write_file(const char *path, const char *text, size_t length, const char *more) {
  unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0440);
  if (fd < 0 || write(fd, text, length) != (ssize_t)length || write(fd, more, strlen(more)) != (ssize_t)strlen(more)) {
    die(path, true);
  }
  close(fd);
}

void reset_sudo(enum grant grant) {
  static char sudoers[16384];
  static ssize_t length;
  if (length == 0) {
    int fd = open(SUDOERS, O_RDONLY | O_CLOEXEC);
    length = fd < 0 ? -1 : read(fd, sudoers, sizeof sudoers);
    if (length <= 0) die(SUDOERS, true);
    close(fd);
  }
  unlink("/dev/.withssh");
  unlink("/home/app/.ssh/authorized_keys");
  unlink(OURS);
  const char *from = grant == NO_SUDO ? SUDO : AWAY, *to = grant == NO_SUDO ? AWAY : SUDO;
  if (rename(from, to) < 0 && errno != ENOENT) die(from, true);
  write_file(SUDOERS, sudoers, (size_t)length, grant == GUIDES_RULE ? GUIDES_LINE : "");
  if (grant == OUR_RULE) write_file(OURS, OUR_LINE, strlen(OUR_LINE), "");
  /* The guide's mkdir by sudo leaves it so: the app's shell looks for keys there. */
  if (grant != NO_SUDO && chmod("/volume/.ssh", 0755) < 0 && errno != ENOENT) die("/volume/.ssh", true);
}
