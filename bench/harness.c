/*
 * Runs jobs from stdin, one a line, inside one container whose PID 1 it is; tells each sample as a line of JSON:
 *   time   app|banner  pid1|child  restored|none  ROUNDS  VARIANT...   {"round":0,"variant":"tini","ns":1200000}
 *   watch  pid1|child  READY_TEXT ROLE SETTLE_S IDLE_S                 {"anonymousKib":5200,"pssKib":9000,"ticks":0}
 * and {"done":true} after each job. Rounds are interleaved (A B C D, B C D A, ...): what disturbs the machine for a
 * while disturbs all. Must never measure what one variant has and another lacks: only the argv differs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

/*
 * How often a port is tried that nobody listens at. A try takes the kernel a good part of a tenth of a millisecond, of a machine
 * with two processors: who starts things side by side is disturbed by that, who does one after the other is not. With tries
 * each 0.05, 0.2, 1 and 2 ms withssh took 1.44, 1.31, 1.20 and 1.18 times as long as bash. A longer pause makes all look alike.
 */
enum { PORT = 2222, RETRY_NS = 1000 * 1000, DEADLINE_S = 60, MAX_WORDS = 16 };
static const uint64_t SECOND_NS = 1000000000;

static const struct variant {
  const char *name;
  char *const argv[5];
  enum grant grant; /* any but NO_SUDO: it runs as the user app */
} VARIANTS[] = {
    {"bare", {"/bench/app", NULL}, NO_SUDO},
    {"tini", {"/usr/bin/tini", "--", "/bench/app", NULL}, NO_SUDO},
    {"bash", {"/bench/guide.sh", "/bench/app", NULL}, NO_SUDO},
    {"withssh", {"/usr/local/bin/withssh", "/bench/app", NULL}, NO_SUDO},
    {"bash-sudo", {"/bench/guide-sudo.sh", "/bench/app", NULL}, GUIDES_RULE},
    {"withssh-sudo", {"/usr/local/bin/withssh", "/bench/app", NULL}, OUR_RULE},
};

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void die(const char *text, bool with_errno) {
  dprintf(2, "bench harness: %s%s%s\n", text, with_errno ? ": " : "", with_errno ? strerror(errno) : "");
  _exit(1);
}

static void die_of_silence(const char *variant, const char *awaited, struct running *running) {
  char said[4096];
  fcntl(running->err, F_SETFL, O_NONBLOCK);
  ssize_t length = read(running->err, said, sizeof said);
  dprintf(2, "bench harness: %s: no %s within %d s - saw:\n%.*s\n", variant, awaited, DEADLINE_S,
          length > 0 ? (int)length : 0, said);
  _exit(1);
}

static const struct variant *find_variant(const char *name) {
  for (size_t i = 0; i < sizeof VARIANTS / sizeof *VARIANTS; i++) {
    if (strcmp(VARIANTS[i].name, name) == 0) return &VARIANTS[i];
  }
  die("no such variant", false);
  return NULL;
}

/* What the app read from the clock before anything else. */
static uint64_t wait_for_app(const char *variant, struct running *running) {
  struct pollfd from = {.fd = running->out, .events = POLLIN};
  uint64_t ns = 0;
  if (poll(&from, 1, DEADLINE_S * 1000) != 1 || read(running->out, &ns, sizeof ns) != sizeof ns) {
    die_of_silence(variant, "app", running);
  }
  return ns;
}

/* One try to read the banner; false when nobody listens yet or the connection ends first. */
static bool read_banner(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket", true);
  char text[8];
  bool is_banner = false;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
    struct pollfd from = {.fd = fd, .events = POLLIN};
    is_banner = poll(&from, 1, DEADLINE_S * 1000) == 1 && recv(fd, text, sizeof text, MSG_WAITALL) == sizeof text &&
                memcmp(text, "SSH-2.0-", sizeof text) == 0;
  }
  close(fd);
  return is_banner;
}

static uint64_t wait_for_banner(const char *variant, struct running *running) {
  const struct timespec pause = {.tv_nsec = RETRY_NS};
  while (!read_banner()) {
    if (now_ns() - running->exec_ns > DEADLINE_S * SECOND_NS) die_of_silence(variant, "banner", running);
    nanosleep(&pause, NULL);
  }
  return now_ns();
}

/* words: time, until what, how, keys, rounds, variants */
static void time_variants(char *words[], int count) {
  bool until_app = strcmp(words[1], "app") == 0, as_pid1 = strcmp(words[2], "pid1") == 0;
  bool has_keys = strcmp(words[3], "restored") == 0;
  int rounds = atoi(words[4]), variants = count - 5;
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < variants; i++) {
      const struct variant *variant = find_variant(words[5 + (round + i) % variants]);
      reset_files(has_keys);
      reset_sudo(variant->grant);
      struct running running = start(variant->argv, as_pid1, variant->grant != NO_SUDO);
      uint64_t ns = until_app ? wait_for_app(variant->name, &running) : wait_for_banner(variant->name, &running);
      printf("{\"round\":%d,\"variant\":\"%s\",\"ns\":%llu}\n", round, variant->name,
             (unsigned long long)(ns - running.exec_ns));
      end(&running);
    }
  }
}

static void read_proc(pid_t pid, const char *name, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
  if (length < 0) die(path, true);
  text[length] = '\0';
  close(fd);
}

static long field_kib(const char *text, const char *name) {
  const char *at = strstr(text, name);
  if (at == NULL) die("no such field in smaps_rollup", false);
  return atol(at + strlen(name));
}

/* utime + stime, fields 14 and 15 (proc(5)), counted from the end of the name, which may hold blanks. */
static long ticks_of(pid_t pid) {
  char text[1024];
  read_proc(pid, "stat", text, sizeof text);
  long user = 0, kernel = 0;
  if (sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &kernel) != 2) {
    die("stat", false);
  }
  return user + kernel;
}

/* Reads what it says until the text has come, or (no text) until the time is over. */
static void listen_to(struct running *running, const char *awaited, uint64_t until_ns) {
  static char said[65536];
  size_t length = 0;
  while (now_ns() < until_ns) {
    struct pollfd from = {.fd = running->err, .events = POLLIN};
    if (poll(&from, 1, (int)((until_ns - now_ns()) / 1000000) + 1) == 0) break;
    ssize_t got = read(running->err, said + length, sizeof said - 1 - length);
    if (got <= 0) die("it has ended", false);
    length += (size_t)got;
    said[length] = '\0';
    if (awaited != NULL && strstr(said, awaited) != NULL) return;
    if (length > sizeof said / 2) length = 0;
  }
  if (awaited != NULL) dprintf(2, "%s\n", said), die("it was never ready", false);
}

/* words: watch, how, ready text, role, seconds to settle, seconds of idleness */
static void watch_supervisor(char *words[]) {
  reset_files(true);
  reset_sudo(NO_SUDO);
  struct running running = start(find_variant("withssh")->argv, strcmp(words[1], "pid1") == 0, false);
  listen_to(&running, words[2], now_ns() + DEADLINE_S * SECOND_NS);
  pid_t supervisor = find_by_role(words[3]);
  if (supervisor == 0) die("no supervisor", false);
  listen_to(&running, NULL, now_ns() + (uint64_t)atoi(words[4]) * SECOND_NS);
  char memory[4096];
  read_proc(supervisor, "smaps_rollup", memory, sizeof memory);
  long before = ticks_of(supervisor);
  listen_to(&running, NULL, now_ns() + (uint64_t)atoi(words[5]) * SECOND_NS);
  printf("{\"anonymousKib\":%ld,\"pssKib\":%ld,\"ticks\":%ld}\n", field_kib(memory, "\nAnonymous:"),
         field_kib(memory, "\nPss:"), ticks_of(supervisor) - before);
  end(&running);
}

int main(void) {
  if (getpid() != 1) die("only as PID 1 of a container of its own: it ends every other process", false);
  setvbuf(stdout, NULL, _IOLBF, 0);
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  make_host_keys();
  char line[1024];
  while (fgets(line, sizeof line, stdin) != NULL) {
    char *words[MAX_WORDS];
    int count = 0;
    for (char *word = strtok(line, "\t\n"); word != NULL && count < MAX_WORDS; word = strtok(NULL, "\t\n")) {
      words[count++] = word;
    }
    if (count > 5 && strcmp(words[0], "time") == 0) time_variants(words, count);
    else if (count == 6 && strcmp(words[0], "watch") == 0) watch_supervisor(words);
    else die("no such job", false);
    printf("{\"done\":true}\n");
  }
  return 0;
}
