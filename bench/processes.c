/*
 * Starts and ends variants. All get the same: a session of their own, /dev/null and two pipes, nothing else open. As
 * the container's PID 1 the harness may end every other process in it; it refuses to run as anything else.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

extern char **environ;

static void become_app(void) {
  const gid_t gid = APP_ID;
  if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(APP_ID, APP_ID, APP_ID) < 0) {
    die("become the app's user", true);
  }
  setenv("HOME", "/home/app", 1);
}

struct running start(char *const argv[], bool as_pid1, bool as_app) {
  static uint64_t *shared;
  if (shared == NULL) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) die("mmap", true);
  }
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) die("pipe2", true);
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  unsigned long namespaces = as_pid1 ? CLONE_NEWPID | CLONE_NEWNS : 0;
  pid_t pid = (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
  if (pid < 0) die("clone (is the container privileged?)", true);
  if (pid == 0) {
    if (as_pid1) {
      if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) die("make mounts private", true);
      if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) die("mount /proc", true);
    }
    prctl(PR_SET_TIMERSLACK, 50000, 0, 0, 0); /* the kernel's default: ours is finer, and would be inherited */
    if (as_app) become_app();
    setsid();
    dup2(null, 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    *shared = now_ns();
    execve(argv[0], argv, environ);
    die(argv[0], true);
  }
  close(null);
  close(out[1]);
  close(err[1]);
  while (__atomic_load_n(shared, __ATOMIC_ACQUIRE) == 0) {
    if (waitpid(pid, NULL, WNOHANG) == pid) die("a variant could not be started", false);
    sched_yield();
  }
  struct running running = {pid, out[0], err[0], *shared};
  *shared = 0;
  return running;
}

void end(struct running *running) {
  /* With its PID 1 the kernel ends the whole namespace, and wait(2) returns when all of it is gone. */
  kill(running->pid, SIGKILL);
  waitpid(running->pid, NULL, 0);
  /* As a child it left orphans, which are ours now. kill(2): -1 spares the caller. */
  for (;;) {
    kill(-1, SIGKILL);
    if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD) break;
  }
  close(running->out);
  close(running->err);
}

pid_t find_by_role(const char *role) {
  pid_t found = 0;
  DIR *proc = opendir("/proc");
  if (proc == NULL) die("/proc", true);
  for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
    char path[300], text[256];
    pid_t pid = (pid_t)atoi(entry->d_name);
    if (pid <= 0) continue;
    snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 2);
    if (fd >= 0) close(fd);
    if (length <= 0) continue;
    text[length] = text[length + 1] = '\0';
    size_t first = strlen(text) + 1;
    if (first < (size_t)length && strcmp(text + first, role) == 0) found = pid;
  }
  closedir(proc);
  return found;
}
