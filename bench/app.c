/*
 * The app of every variant: its first act is to read the clock, its second to tell it on stdout. Then it stays, as an
 * app does, until the harness ends it. Must do nothing before the clock is read: that would be counted.
 */
#include <stdint.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  if (write(1, &ns, sizeof ns) != sizeof ns) return 1;
  for (;;) pause();
}
