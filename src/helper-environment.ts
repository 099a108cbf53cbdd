/** What helpers and sshd get, and nothing else: nothing in the app's environment can steer them. */
export const HELPER_ENVIRONMENT: readonly string[] = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "HOME=/",
  "LC_ALL=C",
];
