/*
 * What the harness is made of: processes.c starts and ends a variant, state.c and sudo.c put a new container's files and
 * sudo rules in place.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The uid and gid of the user app (Dockerfile). */
enum { APP_ID = 1000 };

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* Tells the text on stderr, with errno's words when `with_errno`, and ends everything. */
void die(const char *text, bool with_errno);

/* One variant that runs: its pid in our namespace, what it writes to (read end), when its exec was called. */
struct running {
  pid_t pid;
  int out;
  int err;
  uint64_t exec_ns;
};

/*
 * Starts argv as PID 1 of a namespace of its own, or as our child; as the user app, or as root. stdin is /dev/null, stdout
 * and stderr are pipes.
 */
struct running start(char *const argv[], bool as_pid1, bool as_app);

/* Ends it and all that it left, by SIGKILL, and waits until all are gone. */
void end(struct running *running);

/* The one process whose argv[1] is this; 0 when there is none. */
pid_t find_by_role(const char *role);

/* Makes the three host keys that "restored" puts on the volume. Once, before the first run. */
void make_host_keys(void);

/* Files as in a new container: nothing that an earlier run wrote; with the keys on the volume when `has_keys`. */
void reset_files(bool has_keys);

/* What sudo gives the user app; without any the image has no sudo. */
enum grant { NO_SUDO, GUIDES_RULE, OUR_RULE };

/* sudo as in a new container with that grant. After reset_files. */
void reset_sudo(enum grant grant);
